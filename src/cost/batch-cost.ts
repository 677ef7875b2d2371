// What a batch of the target costs, by its tokens and the context before it. Knows nothing of models.
import { SizeCurve } from './size-curve.js';

/** One measured batch of the target. */
export interface BatchMeasurement {
  readonly numTokens: number;
  readonly contextLength: number;
  readonly ms: number;
}

/** A measurement further off than this is an accident until it comes again. */
const outlierRatio = 2;
/** Accidents of one kind in a row that are believed. */
const believedAccidents = 3;
/** After a context so much longer than all before, nothing is an accident: `L > 2 longest + 256`. */
const isBeyond = (contextLength: number, longest: number): boolean => contextLength > 2 * longest + 256;
/** Weight of "context costs nothing" against what is measured, in squared thousands of tokens. */
const ridge = 0.05;
/** Old measurements count less and less. */
const decay = 0.98;

/**
 * `ms(n, L) = base(n) + L (a + b n)`: a curve over sizes at an empty context, and attention that grows with the context,
 * per batch and per token. The curve comes from a calibration; a and b are learnt from real rounds by ridge regression.
 */
export class BatchCost {
  readonly #base = new SizeCurve();
  /** The curve that context is measured against: what was known of empty contexts. */
  readonly #empty = new SizeCurve();
  /** Sums of the regression: of squares and products of (L, nL) in thousands, and of them with what is left to explain. */
  readonly #sums = { xx: 0, xy: 0, yy: 0, xr: 0, yr: 0 };
  #slope = { perBatch: 0, perToken: 0 };
  #accidents = 0;
  #numObserved = 0;
  /** By size: when it was last observed, counted in observations. */
  readonly #observed: number[] = [];
  /** The longest context that was measured. */
  #longest = 0;

  /** @param calibration  batches on an empty context, and perhaps on longer ones */
  constructor(calibration: readonly BatchMeasurement[] = []) {
    for (const { numTokens, ms } of calibration.filter(({ contextLength }) => contextLength === 0)) {
      this.#base.observe(numTokens, ms);
      this.#empty.observe(numTokens, ms);
    }
    for (const measured of calibration.filter(({ contextLength }) => contextLength > 0))
      this.#learnSlope(measured);
  }

  observe(measured: BatchMeasurement): void {
    const predicted = this.predict(measured.numTokens, measured.contextLength);
    const isKnown = !isBeyond(measured.contextLength, this.#longest);
    const isAccident = isKnown && predicted !== undefined && measured.ms > outlierRatio * predicted;
    this.#accidents = isAccident ? this.#accidents + 1 : 0;
    if (isAccident && this.#accidents < believedAccidents) return;
    this.#observed[measured.numTokens] = ++this.#numObserved;
    if (!isAccident) this.#learnSlope(measured);
    this.#base.observe(
      measured.numTokens,
      Math.max(0, measured.ms - this.#contextMs(measured.numTokens, measured.contextLength)),
    );
  }

  /** @returns milliseconds; undefined before the first measurement */
  predict(numTokens: number, contextLength: number): number | undefined {
    const base = this.#base.predict(numTokens);
    if (base === undefined) return undefined;
    // More tokens never take less: what was measured in a bad moment gives way to what larger batches took since.
    let least = base;
    let latest = 0;
    for (const [size, ms] of this.#base.points) {
      const observed = this.#observed[size] ?? 0;
      if (size <= numTokens) latest = Math.max(latest, observed);
      else if (observed > latest) least = Math.min(least, ms);
    }
    return least + this.#contextMs(numTokens, contextLength);
  }

  #contextMs(numTokens: number, contextLength: number): number {
    return (contextLength / 1000) * (this.#slope.perBatch + numTokens * this.#slope.perToken);
  }

  #learnSlope({ numTokens, contextLength, ms }: BatchMeasurement): void {
    this.#longest = Math.max(this.#longest, contextLength);
    const empty = this.#empty.predict(numTokens);
    if (empty === undefined) return;
    const x = contextLength / 1000;
    const y = x * numTokens;
    const rest = ms - empty;
    const sums = this.#sums;
    for (const key of ['xx', 'xy', 'yy', 'xr', 'yr'] as const) sums[key] *= decay;
    sums.xx += x * x;
    sums.xy += x * y;
    sums.yy += y * y;
    sums.xr += x * rest;
    sums.yr += y * rest;
    this.#slope = solve(sums);
  }
}

/** Least squares under a ridge, with neither slope below 0. */
function solve({ xx, xy, yy, xr, yr }: { xx: number; xy: number; yy: number; xr: number; yr: number }) {
  const [a, d] = [xx + ridge, yy + ridge];
  const determinant = a * d - xy * xy;
  const perBatch = (xr * d - yr * xy) / determinant;
  const perToken = (yr * a - xr * xy) / determinant;
  if (perBatch < 0) return { perBatch: 0, perToken: Math.max(0, yr / d) };
  if (perToken < 0) return { perBatch: Math.max(0, xr / a), perToken: 0 };
  return { perBatch, perToken };
}
