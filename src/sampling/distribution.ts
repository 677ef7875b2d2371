// Probability distributions over a vocabulary as supports. Knows nothing of models or logits.
import type { TokenId } from '../types.js';

/**
 * A normalised distribution given by its support, in ascending token-id order.
 * Tokens that are not listed have probability 0.
 */
export interface Distribution {
  /** [supportSize], strictly ascending. */
  readonly ids: Int32Array;
  /** [supportSize], each > 0, sum 1 up to rounding. */
  readonly probs: Float64Array;
}

/** The distributions of several nodes; plain arrays in tests, a native handle on the hot path. */
export interface DistributionRows {
  readonly numRows: number;
  /** The distribution of row `index`, in [0, numRows). A view or a copy: treat it as read-only. */
  row(index: number): Distribution;
  /** Gives memory back early; the rows are gone afterwards. */
  release?(): void;
}

/** Rows held in ordinary JavaScript arrays. */
export class ArrayRows implements DistributionRows {
  readonly #rows: readonly Distribution[];

  constructor(rows: readonly Distribution[]) {
    this.#rows = rows;
  }

  get numRows(): number {
    return this.#rows.length;
  }

  row(index: number): Distribution {
    const row = this.#rows[index];
    if (row === undefined) {
      throw new RangeError(`Expected a row index below ${this.numRows} but received ${index}`);
    }
    return row;
  }
}

/** The distribution with all mass on `token`. */
export function oneHot(token: TokenId): Distribution {
  return { ids: Int32Array.of(token), probs: Float64Array.of(1) };
}

/** The probability of `token`: 0 outside the support. Cost: O(log supportSize). */
export function probabilityOf(distribution: Distribution, token: TokenId): number {
  const { ids, probs } = distribution;
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! < token) low = middle + 1;
    else high = middle;
  }
  return ids[low] === token ? probs[low]! : 0;
}
