// Probabilities from counts of what followed n-grams, longer ones first. Knows nothing of where they were counted.
import type { TokenId } from '../types.js';

/** [order - 1]: what is taken off a count of one; measured on Spec-Bench's answers by npm run bench:replay. */
const discounts: readonly number[] = [
  0.7, 0.6, 0.5, 0.4, 0.37, 0.33, 0.28, 0.25, 0.23, 0.21, 0.19, 0.17, 0.15, 0.13, 0.12, 0.1,
];
/** Discounts of counts of 1, 2, and 3 or more, over that of 1. */
const discountGrowth = [1, 1.5, 2];

/**
 * Adds, to the probabilities that longer n-grams gave, `weight` times what the counts after one of `order` tokens give:
 * each count over their total, less a discount.
 * @returns the part of the weight that the discounts leave to shorter n-grams
 */
export function addDiscounted(
  probabilities: Map<TokenId, number>,
  weight: number,
  order: number,
  counts: Iterable<readonly [TokenId, number]>,
  total: number,
): number {
  const ofOne = discounts[Math.min(order, discounts.length) - 1]!;
  let left = 0;
  for (const [token, number] of counts) {
    const discount = ofOne * discountGrowth[Math.min(number, 3) - 1]!;
    const probability = (weight * (number - discount)) / total;
    probabilities.set(token, (probabilities.get(token) ?? 0) + probability);
    left += discount;
  }
  return (weight * left) / total;
}
