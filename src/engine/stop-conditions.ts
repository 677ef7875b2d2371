// When a generation ends because of its text. Knows nothing of tokens.

/** Finds stop strings in text that arrives in pieces, and holds back what may become one. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';
  #isStopped = false;

  /** @throws {TypeError} on anything but an array of strings that are not empty */
  constructor(stops: readonly string[]) {
    if (!Array.isArray(stops)) {
      throw new TypeError(`Expected an array of strings for stop but received ${JSON.stringify(stops)}`);
    }
    for (const stop of stops) {
      if (typeof stop !== 'string' || stop === '') {
        throw new TypeError(`Expected non-empty strings for stop but received ${JSON.stringify(stop)}`);
      }
    }
    this.#stops = stops;
  }

  /** @returns text that is safe to show, and whether a stop string (left out of it, as all text after it) was found */
  push(text: string): { readonly text: string; readonly isStopped: boolean } {
    if (this.#isStopped) return { text: '', isStopped: true };
    const all = this.#held + text;
    const found = this.#stops
      .map((stop) => ({ start: all.indexOf(stop), end: all.indexOf(stop) + stop.length }))
      .filter(({ start }) => start >= 0);
    if (found.length > 0) {
      // The one that is complete first, so that it does not matter how the text was cut into pieces.
      const end = Math.min(...found.map((stop) => stop.end));
      const start = Math.min(...found.filter((stop) => stop.end === end).map((stop) => stop.start));
      this.#held = '';
      this.#isStopped = true;
      return { text: all.slice(0, start), isStopped: true };
    }
    const held = Math.max(0, ...this.#stops.map((stop) => longestOpenPrefix(all, stop)));
    this.#held = all.slice(all.length - held);
    return { text: all.slice(0, all.length - held), isStopped: false };
  }

  /** What was held back, once no more text comes. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

/** Length of the longest end of `text` that begins `stop`. */
function longestOpenPrefix(text: string, stop: string): number {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
