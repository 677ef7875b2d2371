// How unequally tasks are served. Knows nothing of tasks.
import { max, mean, min, sum, variance } from 'simple-statistics';

/** Spread of one figure, such as speedup, over tasks. */
export interface Disparity {
  /** Smallest over largest, in [0, 1]; 1 is equal. */
  readonly minMaxRatio: number;
  /** Mean squared deviation from the mean. */
  readonly variance: number;
  /** Mean absolute difference of two tasks over twice the mean, in [0, 1); 0 is equal. */
  readonly gini: number;
}

/**
 * @param values  one a task, each above 0; at least one
 * @see Sandler et al., arXiv:2510.02128 (departure: the variance is of the figure given, there it is of divergences)
 */
export function disparity(values: readonly number[]): Disparity {
  const figures = [...values];
  const differences = figures.flatMap((one) => figures.map((other) => Math.abs(one - other)));
  return {
    minMaxRatio: min(figures) / max(figures),
    variance: variance(figures),
    gini: sum(differences) / (2 * figures.length ** 2 * mean(figures)),
  };
}

/**
 * Between what acceptance lies when target and draft are so far from a truth:
 * `1 - (r_p + r_q) <= alpha <= 1 - |r_q - r_p|`, by the triangle inequality.
 * @param targetError  TV(p, truth), in [0, 1]
 * @param draftError   TV(q, truth), in [0, 1]
 * @see Sandler et al., arXiv:2510.02128 (derived)
 */
export function acceptanceBounds(
  targetError: number,
  draftError: number,
): { readonly least: number; readonly most: number } {
  return {
    least: Math.max(0, 1 - targetError - draftError),
    most: 1 - Math.abs(draftError - targetError),
  };
}
