// Draws pictures as SVG without a browser. Knows nothing of what they show.
import type { TopLevelSpec } from 'vega-lite';
import { chartConfig } from './chart-style.js';
import { escapeHtml } from './html.js';
import { renderSvg } from '../picture.js';

/** A picture before it is drawn. */
export interface Chart {
  /** What the page writes above the picture, and the picture's name. */
  readonly title: string;
  /** For those who do not see it: a sentence. */
  readonly description: string;
  /** Vega-Lite without style; what a mark's `description` channel says is its tooltip. */
  readonly spec: Readonly<Record<string, unknown>>;
}

/**
 * Draws a picture that can stand in a page of HTML: no script, no style sheet, nothing to load.
 * @param id  unique in the page; what names the picture's title and description
 */
export async function drawChart({ title, description, spec }: Chart, id: string): Promise<string> {
  const whole = { ...spec, padding: 4, config: chartConfig } as unknown as TopLevelSpec;
  const svg = await renderSvg(whole);
  return withTooltips(svg)
    .replace(/^<svg /, `<svg role="img" aria-labelledby="${id}-title ${id}-description" `)
    .replace(
      '>',
      `><title id="${id}-title">${escapeHtml(title)}</title><desc id="${id}-description">${escapeHtml(description)}</desc>`,
    );
}

/** Browsers show an element's title as a tooltip; Vega writes descriptions of marks as labels, which they do not show. */
function withTooltips(svg: string): string {
  return svg.replace(
    /<path aria-label="([^"]*)" role="graphics-symbol" aria-roledescription="[^"]*"([^>]*)\/>/g,
    (_, label: string, attributes: string) => `<path${attributes}><title>${label}</title></path>`,
  );
}
