// What a batch of the target costs, by its tokens and the context before it. Knows nothing of models.
import { RidgeRegression } from './ridge-regression.js';
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
/** Old measurements count less and less. */
const decay = 0.98;
/**
 * What is taken for granted, in measurements: that the machine is as fast as it was when empty contexts were measured, and that
 * context costs nothing, per batch and per token. Where it is slower by half after 100 tokens, the machine is, not the context.
 */
const ridge = [1, 0.5, 1];
/** Measurements of real rounds that one before the first of them counts as much as: those are noisy, and much alike. */
const calibrationWeight = 50;

/**
 * `ms(n, L) = base(n) (1 + L (a + b n) empty(1) / empty(n))`: a curve over sizes, which follows what batches take lately, and
 * attention that grows with the context, per batch and per token, measured against what empty contexts took. a and b come
 * from batches after a long context, and are refined by real rounds.
 */
export class BatchCost {
  #base = new SizeCurve();
  /** The curve that context is measured against: what was known of empty contexts. */
  #empty = new SizeCurve();
  /** Of what a batch takes beyond an empty context's, as a share of that, on 1 and what context may add. */
  #growth = new RidgeRegression({ ridge, decay });
  #accidents = 0;
  #numObserved = 0;
  /** By size: when it was last observed, counted in observations. */
  #observed: number[] = [];
  /** The longest context that was measured. */
  #longest = 0;

  /** @param calibration  batches on an empty context, and perhaps on longer ones */
  constructor(calibration: readonly BatchMeasurement[] = []) {
    for (const { numTokens, ms } of calibration.filter(({ contextLength }) => contextLength === 0)) {
      this.#base.observe(numTokens, ms);
      this.#empty.observe(numTokens, ms);
    }
    for (const { numTokens, contextLength, ms } of calibration.filter((one) => one.contextLength > 0)) {
      this.#longest = Math.max(this.#longest, contextLength);
      const empty = this.#empty.predict(numTokens);
      if (empty)
        this.#growth.keep([0, ...this.#terms(numTokens, contextLength)], ms / empty - 1, calibrationWeight);
    }
  }

  observe(measured: BatchMeasurement): void {
    const predicted = this.predict(measured.numTokens, measured.contextLength);
    const isKnown = !isBeyond(measured.contextLength, this.#longest);
    const isAccident = isKnown && predicted !== undefined && measured.ms > outlierRatio * predicted;
    this.#accidents = isAccident ? this.#accidents + 1 : 0;
    if (isAccident && this.#accidents < believedAccidents) return;
    this.#observed[measured.numTokens] = ++this.#numObserved;
    if (!isAccident) this.#learnGrowth(measured);
    this.#base.observe(
      measured.numTokens,
      measured.ms / this.#growthAt(measured.numTokens, measured.contextLength),
    );
  }

  /** The same on a machine that is so many times as slow, as long as nothing was measured there. */
  slowed(factor: number): BatchCost {
    return this.#with(this.#base.slowed(factor), this.#empty.slowed(factor));
  }

  /** One that has seen the same. */
  copy(): BatchCost {
    return this.#with(this.#base.copy(), this.#empty.copy());
  }

  #with(base: SizeCurve, empty: SizeCurve): BatchCost {
    const other = new BatchCost();
    other.#base = base;
    other.#empty = empty;
    other.#growth = this.#growth.copy();
    other.#longest = this.#longest;
    other.#observed = [...this.#observed];
    other.#numObserved = this.#numObserved;
    return other;
  }

  /** True of a number of tokens that was not measured since the machine became slower. */
  isGuessed(numTokens: number): boolean {
    return this.#base.isGuessed(numTokens);
  }

  /** True once more than one size was measured: what others take is told by those. */
  get knowsSizes(): boolean {
    return this.#base.points.length > 1;
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
    return least * this.#growthAt(numTokens, contextLength);
  }

  /** How many times as long a batch takes after so many tokens. */
  #growthAt(numTokens: number, contextLength: number): number {
    const [perBatch, perToken] = this.#terms(numTokens, contextLength);
    const [, a, b] = this.#growth.coefficients as [number, number, number];
    return 1 + a * perBatch + b * perToken;
  }

  /** Thousands of tokens, and of products of tokens, by the time of a batch in those of a single token. */
  #terms(numTokens: number, contextLength: number): [perBatch: number, perToken: number] {
    const [one, all] = [this.#empty.predict(1), this.#empty.predict(numTokens)];
    if (!one || !all) return [0, 0];
    const perBatch = ((contextLength / 1000) * one) / all;
    return [perBatch, numTokens * perBatch];
  }

  #learnGrowth({ numTokens, contextLength, ms }: BatchMeasurement): void {
    this.#longest = Math.max(this.#longest, contextLength);
    const empty = this.#empty.predict(numTokens);
    if (empty) this.#growth.observe([1, ...this.#terms(numTokens, contextLength)], ms / empty - 1);
  }
}
