// When a generation ends because of its text. Knows nothing of tokens.

/** Finds stop strings in text that arrives in pieces, and holds back what may become one. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';

  /** @throws {TypeError} on an empty stop string */
  constructor(stops: readonly string[]) {
    for (const stop of stops) {
      if (typeof stop !== 'string' || stop === '') {
        throw new TypeError(`Expected non-empty strings for stop but received ${JSON.stringify(stop)}`);
      }
    }
    this.#stops = stops;
  }

  /** @returns text that is safe to show, and whether a stop string (left out of it) was found */
  push(text: string): { readonly text: string; readonly isStopped: boolean } {
    const all = this.#held + text;
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((index) => index >= 0);
    if (found.length > 0) {
      this.#held = '';
      return { text: all.slice(0, Math.min(...found)), isStopped: true };
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
