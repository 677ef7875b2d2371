// How unequal figures are. Knows nothing of what they are of.
import { max, mean, min, sum, variance } from 'simple-statistics';

/** Spread of one figure over tasks. */
export interface Spread {
  /** Smallest over largest, in [0, 1]; 1 is equal. */
  readonly minMaxRatio: number;
  /** Mean squared deviation from the mean. */
  readonly variance: number;
  /** Mean absolute difference of two figures over twice the mean, in [0, 1); 0 is equal. */
  readonly gini: number;
}

/** @param figures  at least one, none below 0, not all 0 */
export function spreadOf(figures: readonly number[]): Spread {
  const ascending = [...figures].sort((one, other) => one - other);
  const count = ascending.length;
  const ranked = sum(ascending.map((figure, index) => (2 * index + 1 - count) * figure));
  return {
    minMaxRatio: min(ascending) / max(ascending),
    variance: variance(ascending),
    gini: ranked / (count ** 2 * mean(ascending)),
  };
}
