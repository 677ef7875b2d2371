// Whether it pays to have a drafter read a text. Knows nothing of drafters or models.
import { FadingMean } from '../metrics/fading-mean.js';

/** About the last five generations count. */
const fading = 0.8;
/** Output tokens of a generation before any has ended. */
const usualLength = 256;

/** What a drafter would bring from here on. */
export interface Prospect {
  /** Tokens that it would have to read. */
  readonly contextLength: number;
  /** Milliseconds of a plain token. */
  readonly plainMs: number;
  /** Of its drafts, against plain decoding. */
  readonly speedup: number;
  /** Plain tokens that it would take besides; default 0. */
  readonly extraTokens?: number | undefined;
}

/**
 * A drafter that was not asked in a generation yet has the whole text to read first, which takes as long however much is drafted
 * then: worth it where what is left of the generation gains more. How much is left is told by the generations before, and
 * by this one: what has gone on for long goes on.
 */
export class BeginCost {
  readonly #measured: number;
  readonly #msPerToken = new FadingMean(fading);
  readonly #lengths = new FadingMean(fading);
  #position = 0;
  #hasBegun = false;

  /** @param msPerToken  of reading, measured before */
  constructor(msPerToken = 0) {
    this.#measured = msPerToken;
  }

  /** False until the first draft of a generation. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** A generation begins. */
  begin(): void {
    if (this.#position > 0) this.#lengths.observe(this.#position);
    this.#position = 0;
    this.#hasBegun = false;
  }

  /** Output tokens that were decoded. */
  advance(numTokens: number): void {
    this.#position += numTokens;
  }

  /** @param extraMs  what a draft took beyond a usual one; of a generation's first it is what reading took */
  drafted(extraMs: number, contextLength: number): void {
    if (!this.#hasBegun && contextLength > 0) this.#msPerToken.observe(Math.max(0, extraMs) / contextLength);
    this.#hasBegun = true;
  }

  /** What reading would take, in plain tokens; 0 where it is done. */
  tokens({ contextLength, plainMs }: Pick<Prospect, 'contextLength' | 'plainMs'>): number {
    if (this.#hasBegun) return 0;
    return ((this.#msPerToken.value || this.#measured) * contextLength) / plainMs;
  }

  pays(prospect: Prospect): boolean {
    if (this.#hasBegun) return true;
    const left = Math.max(this.#position, (this.#lengths.value || usualLength) - this.#position);
    const { extraTokens = 0 } = prospect;
    return this.tokens(prospect) + extraTokens <= left * (1 - 1 / Math.max(1, prospect.speedup));
  }
}
