// What was learnt of rounds on a machine that stays as it is. Knows nothing of which rounds tell.
import { mean } from 'simple-statistics';
import { BatchCost } from './batch-cost.js';
import { SizeCurve, steadyMean } from './size-curve.js';

/**
 * Rounds whose middle half tells what rounds take beyond the sum of their parts: accidents do not, for plain decoding has some,
 * too, and what takes now little, now much, counts as its mean.
 */
const slownessRounds = 12;
/** Rounds that "no slower than the parts" stands for. */
const prior = [1, 1];

/** What {@link RoundMemory} is made of. */
export interface RoundParts {
  readonly batch?: BatchCost | undefined;
  /** By the nodes of a draft. */
  readonly draft?: SizeCurve | undefined;
  /** Likewise. */
  readonly rest?: SizeCurve | undefined;
}

/** Batches, drafts, what else a round takes, and all of it beside its parts. */
export class RoundMemory {
  readonly batch: BatchCost;
  /** Several drafters take now little, now much. */
  readonly draft: SizeCurve;
  /** Verifying and what else a round takes, by the nodes of its draft. */
  readonly rest: SizeCurve;
  /** What rounds took lately, in sums of their parts: sizes that change from round to round, and models in turn, take longer. */
  #slowness = 1;
  /** The same of each of the last rounds. */
  #slownesses: number[] = [];

  constructor(parts: RoundParts = {}) {
    this.batch = parts.batch ?? new BatchCost();
    this.draft = parts.draft ?? new SizeCurve(steadyMean);
    this.rest = parts.rest ?? new SizeCurve();
  }

  get slowness(): number {
    return this.#slowness;
  }

  observeSlowness(ratio: number): void {
    this.#slownesses = [...this.#slownesses, ratio].slice(-slownessRounds);
    const sorted = [...this.#slownesses, ...prior].sort((one, other) => one - other);
    const outer = Math.floor(sorted.length / 4);
    this.#slowness = mean(sorted.slice(outer, sorted.length - outer));
  }

  /** True once it can tell what a round takes. */
  get isKnown(): boolean {
    return this.batch.knowsSizes && this.draft.points.length > 0;
  }

  /** The same on a machine that is so many times as slow, as long as nothing was measured there. */
  slowed(factor: number): RoundMemory {
    return this.#with({
      batch: this.batch.slowed(factor),
      draft: this.draft.slowed(factor),
      rest: this.rest.slowed(factor),
    });
  }

  /** One that has seen the same. */
  copy(): RoundMemory {
    return this.#with({ batch: this.batch.copy(), draft: this.draft.copy(), rest: this.rest.copy() });
  }

  #with(parts: RoundParts): RoundMemory {
    const other = new RoundMemory(parts);
    other.#slownesses = this.#slownesses;
    other.#slowness = this.#slowness;
    return other;
  }
}
