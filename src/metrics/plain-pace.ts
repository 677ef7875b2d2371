// What plain tokens have taken of late in a run. Knows nothing of models or of who asks.

/** Milliseconds after which the machine may be another one. */
const recentMs = 30_000;
/** Tokens that are kept. */
const maxKept = 64;
/** Contexts are alike whose lengths differ by so little: a share of the longer one, or tokens. */
const alike = { share: 0.2, tokens: 128 } as const;
/** Tokens that are enough to compare with. */
const enough = 2;

interface PlainToken {
  readonly contextLength: number;
  readonly ms: number;
  readonly at: number;
}

/**
 * Plain decoding as answers before measured it, for answers that are too short to measure it anew. The first token after a
 * prompt takes longer than others, and is not to be told here.
 */
export class PlainPace {
  readonly #kept: PlainToken[] = [];
  readonly #now: () => number;

  /** @param now  tells milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  observe(contextLength: number, ms: number): void {
    this.#kept.push({ contextLength, ms, at: this.#now() });
    if (this.#kept.length > maxKept) this.#kept.shift();
  }

  /** Milliseconds of plain tokens at about this length, of late; empty where they are too few to compare with. */
  near(contextLength: number): readonly number[] {
    const since = this.#now() - recentMs;
    const found = this.#kept.filter(
      (token) =>
        token.at >= since &&
        Math.abs(token.contextLength - contextLength) <=
          Math.max(alike.tokens, alike.share * Math.max(token.contextLength, contextLength)),
    );
    return found.length < enough ? [] : found.map(({ ms }) => ms);
  }
}
