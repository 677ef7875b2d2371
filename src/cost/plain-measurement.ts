// Plain tokens in a row that tell what plain decoding takes. Knows nothing of when they are due.
import type { RoundPlan } from './round-planner.js';

/** Tokens that a change of size may slow down. */
const settlingTokens = 2;
/** Tokens that are measured after those. */
const tokensAfterChange = 3;

/** Lets those pass that a batch of another size before them has slowed down, and then measures. */
export class PlainMeasurement {
  #numSettling = 0;
  #numMeasured = 0;

  /** @returns the tokens that come first */
  start(numSettling: number = settlingTokens, numMeasured: number = tokensAfterChange): RoundPlan {
    this.#numMeasured = numMeasured;
    return this.settle(numSettling);
  }

  /**
   * Only lets those pass that are slowed down.
   * @returns the tokens that come next
   */
  settle(numSettling: number = settlingTokens): RoundPlan {
    this.#numSettling = numSettling;
    return settling(numSettling);
  }

  /** The tokens that come next; undefined where nothing is left to measure. */
  plan(): RoundPlan | undefined {
    if (this.#numSettling > 0) return settling(this.#numSettling);
    const numPlainTokens = this.#numMeasured;
    return numPlainTokens === 0 ? undefined : { maxNodes: 0, isPlain: true, numPlainTokens };
  }

  /** A plain token was decoded. */
  observe(): void {
    if (this.#numSettling > 0) this.#numSettling -= 1;
    else if (this.#numMeasured > 0) this.#numMeasured -= 1;
  }

  /** The text has ended. */
  stop(): void {
    this.#numSettling = this.#numMeasured = 0;
  }
}

const settling = (numPlainTokens: number): RoundPlan => ({
  maxNodes: 0,
  isPlain: true,
  numPlainTokens,
  isSettling: true,
});
