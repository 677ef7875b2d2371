// What drafts of each size promise: expected tokens over predicted time. Knows nothing of when a size is taken.
import type { ExpectedTokens } from './expected-tokens.js';
import type { RoundCost } from './round-cost.js';

/** Speculation has to be so many times as fast as plain decoding before it is begun. */
export const worthBeginning = 1.03;
/** Draft tokens of the first rounds at most: what is not known yet is tried small. */
export const firstNodes = 3;
/** What is known of costs may be so many times too much, once measured in a bad moment. */
const costDoubt = 1.25;

/** Draft tokens from which on one more costs about as much as the next: the first ones may cost much, or nothing. */
const fewNodes = 4;
/** Nodes that are this likely are drafted whatever they cost: what is known of either may be wrong. */
const mostBreakEven = 0.8;

/** A number of draft tokens and what is expected of it. */
export interface ExpectedSpeed {
  readonly numNodes: number;
  readonly speedup: number;
  /** The speedup of what it is a step to. */
  readonly promise: number;
  readonly ms: number;
  readonly plainMs: number;
  readonly tokens: number;
}

/** What expected speeds are computed from. */
export interface SpeedBasis {
  readonly cost: RoundCost;
  readonly tokens: ExpectedTokens;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /**
   * Drafts leave away what is not worth its time, so that a larger one costs no more than it brings; default false. Not where
   * sizes are held: there batches of drafts that are smaller are filled up.
   */
  readonly isSelective?: boolean | undefined;
}

/** Expected speeds at one length of the context. */
export class ExpectedSpeeds {
  readonly #basis: SpeedBasis;
  readonly #contextLength: number;
  readonly #drafted: Float64Array;
  readonly #holdsSizes: boolean;

  constructor(basis: SpeedBasis, contextLength: number) {
    this.#basis = basis;
    this.#contextLength = contextLength;
    this.#drafted = basis.tokens.drafted();
    this.#holdsSizes = basis.cost.holdsSizes(contextLength);
  }

  /**
   * The acceptance at which a node brings as many tokens as its time would bring otherwise, at this speed against plain decoding:
   * what makes a round best in all is what makes its last node break even.
   * @see Dinkelbach: On nonlinear fractional programming, Management Science 13 (1967), sec. 2
   */
  breakEven(speedup: number): number {
    const { cost, maxNodes } = this.#basis;
    const plainMs = cost.predict(0, this.#contextLength);
    const few = Math.min(fewNodes, maxNodes);
    const [small, large] = [few, maxNodes].map((size) => cost.predict(size, this.#contextLength));
    if (!plainMs || !small || !large || maxNodes === few) return 0;
    const msPerNode = Math.max(0, large - small) / (maxNodes - few);
    return Math.min(mostBreakEven, (msPerNode * Math.max(1, speedup)) / plainMs);
  }

  /** Of so many draft tokens; undefined for none and while too little is known. */
  of(
    numNodes: number,
    accepted = this.#basis.tokens.accepted(),
    drafted = this.#drafted,
  ): ExpectedSpeed | undefined {
    if (numNodes === 0) return undefined;
    const { cost } = this.#basis;
    const plainMs = cost.predict(0, this.#contextLength);
    const ms = cost.predictDrafted(this.#holdsSizes ? numNodes : drafted[numNodes]!, this.#contextLength);
    if (!plainMs || !ms) return undefined;
    const expected = accepted[numNodes]! + 1;
    const speedup = (expected * plainMs) / ms;
    return { numNodes, speedup, promise: speedup, ms, plainMs, tokens: expected };
  }

  /**
   * The number of draft tokens with the most expected tokens for the time; undefined while too little is known. Where that is
   * far beyond those that were tried, it is gone towards step by step, if the steps pay. Of drafts that leave away what is
   * not worth its time, the largest one, gone towards likewise.
   */
  best(): ExpectedSpeed | undefined {
    const { tokens, maxNodes, isSelective = false } = this.#basis;
    if (isSelective && !this.#holdsSizes) {
      const most = Math.min(maxNodes, Math.max(firstNodes, tokens.reach));
      const largest = this.of(most);
      // Costs may leap where drafts do not expect it.
      return largest !== undefined && largest.speedup < worthBeginning ? this.#bestUpTo(most) : largest;
    }
    const far = this.#bestUpTo(maxNodes);
    const reach = Math.max(firstNodes, tokens.reach);
    if (far === undefined || far.numNodes <= reach) return far;
    const [step, near] = [this.of(reach), this.#bestUpTo(reach)];
    if (step !== undefined && step.speedup >= worthBeginning) return { ...step, promise: far.promise };
    return near !== undefined && near.speedup >= worthBeginning ? near : far;
  }

  /** The best size for a mediocre drafter, a small one: what is tried where little is known, or nothing good. */
  hopeful(): ExpectedSpeed | undefined {
    const { tokens, maxNodes } = this.#basis;
    const fresh = tokens.fresh();
    return this.#bestUpTo(Math.min(firstNodes, maxNodes), fresh.accepted(), fresh.drafted());
  }

  /** The best size by the long memory: what may be again in a moment. */
  usual(): ExpectedSpeed | undefined {
    const { tokens, maxNodes } = this.#basis;
    const most = Math.min(Math.max(firstNodes, tokens.reach), maxNodes);
    return this.#bestUpTo(most, tokens.usual(), tokens.usuallyDrafted());
  }

  /** False where a round takes far longer than the plain decoding of its tokens even if all of them are accepted. */
  couldPay(): boolean {
    const { cost, maxNodes } = this.#basis;
    const plainMs = cost.predict(0, this.#contextLength);
    if (!plainMs) return true;
    for (let numNodes = 1; numNodes <= maxNodes; numNodes++) {
      const ms = cost.predict(numNodes, this.#contextLength);
      if (!ms || costDoubt * (numNodes + 1) * plainMs >= worthBeginning * ms) return true;
    }
    return false;
  }

  #bestUpTo(
    most: number,
    accepted = this.#basis.tokens.accepted(),
    drafted = this.#drafted,
  ): ExpectedSpeed | undefined {
    let best: ExpectedSpeed | undefined;
    for (let numNodes = 1; numNodes <= most; numNodes++) {
      const candidate = this.of(numNodes, accepted, drafted);
      if (candidate !== undefined && candidate.speedup > (best?.speedup ?? 0)) best = candidate;
    }
    return best;
  }
}

/** In words. */
export function describedSpeed({ numNodes, speedup, ms, plainMs, tokens }: ExpectedSpeed): string {
  return (
    `${numNodes} draft tokens are expected to bring ${tokens.toFixed(2)} tokens in ${ms.toFixed(1)} ms, plain decoding ` +
    `takes ${plainMs.toFixed(1)} ms for one: ${speedup.toFixed(2)} times as fast`
  );
}
