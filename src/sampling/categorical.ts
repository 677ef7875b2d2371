// Draws one token from a support with a given uniform. Knows nothing of where the uniform comes from.
import type { TokenId } from '../types.js';
import type { Distribution } from './distribution.js';

/**
 * Draws a token by inverting the cumulative sum in token-id order, so that rounding never swaps neighbours.
 * The goal is scaled by the actual sum: weights that do not sum to 1 are sampled in proportion.
 *
 * @param distribution  [supportSize], ids ascending; entries that are not positive are passed over
 * @param uniform       in [0, 1)
 * @returns a token of positive weight; the last one where rounding lets the walk run out
 * @throws {RangeError} when no entry is positive
 * Cost: O(supportSize).
 */
export function sample({ ids, probs }: Distribution, uniform: number): TokenId {
  const sum = probs.reduce((total, prob) => total + prob, 0);
  const goal = uniform * sum;
  let reached = 0;
  let chosen: TokenId | undefined;
  for (let index = 0; index < ids.length; index++) {
    if (!(probs[index]! > 0)) continue;
    reached += probs[index]!;
    chosen = ids[index]!;
    if (goal < reached) return chosen;
  }
  if (chosen === undefined) {
    throw new RangeError(
      `Expected positive mass for distribution but received ${sum} on ${ids.length} tokens`,
    );
  }
  return chosen;
}
