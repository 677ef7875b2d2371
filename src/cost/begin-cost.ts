// Whether it pays to have a drafter read a text. Knows nothing of drafters or models.
import { median } from 'simple-statistics';
import { FadingMean } from '../metrics/fading-mean.js';

/** About the last five generations count. */
const fading = 0.8;
/** Output tokens of a generation before any has ended. */
const usualLength = 256;
/** Readings that are kept, and those that what was measured before the first stands for, so that one slow moment does not speak for all. */
const keptReadings = 5;
const measuredReadings = 2;

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
  /** Output tokens that may still come; default as many as there may be. */
  readonly numLeft?: number | undefined;
}

/**
 * A drafter that was not asked in a generation yet has the whole text to read first, which takes as long however much is drafted
 * then: worth it where what is left of the generation gains more. How much is left is told by the generations before, and
 * by this one: what has gone on for long goes on.
 */
export class BeginCost {
  readonly #measured: readonly number[];
  /** Milliseconds a token of the last readings. */
  #readings: number[] = [];
  readonly #lengths = new FadingMean(fading);
  #position = 0;
  #hasBegun = false;

  /** @param msPerToken  of reading, measured before */
  constructor(msPerToken = 0) {
    this.#measured = msPerToken > 0 ? new Array<number>(measuredReadings).fill(msPerToken) : [];
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
    if (!this.#hasBegun && contextLength > 0)
      this.#readings = [...this.#readings, Math.max(0, extraMs) / contextLength].slice(-keptReadings);
    this.#hasBegun = true;
  }

  /** What reading would take, in plain tokens; 0 where it is done. */
  tokens({ contextLength, plainMs }: Pick<Prospect, 'contextLength' | 'plainMs'>): number {
    if (this.#hasBegun) return 0;
    const known = [...this.#measured, ...this.#readings];
    return known.length === 0 ? 0 : (median(known) * contextLength) / plainMs;
  }

  /** Plain tokens that what is left of the generation gains, less those that it takes to begin. */
  balance(prospect: Prospect): number {
    const { speedup, extraTokens = 0, numLeft = Infinity } = prospect;
    const usuallyLeft = (this.#lengths.value || usualLength) - this.#position;
    const left = Math.min(numLeft, Math.max(this.#position, usuallyLeft));
    return left * (1 - 1 / Math.max(1, speedup)) - this.tokens(prospect) - extraTokens;
  }

  pays(prospect: Prospect): boolean {
    return this.#hasBegun || this.balance(prospect) >= 0;
  }
}
