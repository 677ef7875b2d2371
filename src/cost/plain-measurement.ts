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

  start(): void {
    this.#numSettling = settlingTokens;
    this.#numMeasured = tokensAfterChange;
  }

  /** Only lets those pass that are slowed down. */
  settle(): void {
    this.#numSettling = settlingTokens;
  }

  /** The tokens that come next; undefined where nothing is left to measure. */
  plan(): RoundPlan | undefined {
    const isSettling = this.#numSettling > 0;
    const numPlainTokens = isSettling ? this.#numSettling : this.#numMeasured;
    if (numPlainTokens === 0) return undefined;
    return { maxNodes: 0, isPlain: true, numPlainTokens, ...(isSettling && { isSettling }) };
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
