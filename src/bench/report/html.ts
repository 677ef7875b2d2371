// Pieces of HTML that no text can break out of. Knows nothing of pages.

/** HTML that is what it was meant to be. */
export class Html {
  readonly source: string;

  /** @param source  taken as it is: never text from outside */
  constructor(source: string) {
    this.source = source;
  }
}

/** What can stand in a piece: text and numbers are escaped, HTML is not, lists are joined. */
export type HtmlValue = string | number | Html | readonly HtmlValue[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML shows it, in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

/** A piece of HTML from a template whose values are escaped. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(String.raw({ raw: parts }, ...values.map(sourceOf)));
}

function sourceOf(value: HtmlValue): string {
  if (value instanceof Html) return value.source;
  return typeof value === 'object' ? value.map(sourceOf).join('') : escapeHtml(String(value));
}
