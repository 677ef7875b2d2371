// Draws one token from a support with a given uniform. Knows nothing of where the uniform comes from.
import type { TokenId } from '../types.js';
import type { Distribution } from './distribution.js';

const lanes = 8;
const blockSize = 256;

/** The sum of `probs` from `start` to `end`, in as many running sums as a processor adds at once. */
function laneSum(probs: Float64Array, start: number, end: number): number {
  const sums = new Float64Array(lanes);
  for (let index = start; index < end; index++) sums[(index - start) % lanes]! += probs[index]!;
  const pairs = [0, 2, 4, 6].map((lane) => sums[lane]! + sums[lane + 1]!);
  return pairs[0]! + pairs[1]! + (pairs[2]! + pairs[3]!);
}

/**
 * Draws a token by inverting the cumulative sum in token-id order, so that rounding never swaps neighbours.
 * The goal is scaled by the actual sum: weights that do not sum to 1 are sampled in proportion.
 *
 * @param distribution  [supportSize], ids ascending, no entry negative; those that are 0 are passed over
 * @param uniform       in [0, 1)
 * @returns a token of positive weight; the last one where rounding lets the walk run out
 * @throws {RangeError} when no entry is positive
 * Cost: O(supportSize); blocks of the support are passed over by their sums.
 */
export function sample({ ids, probs }: Distribution, uniform: number): TokenId {
  const sum = laneSum(probs, 0, probs.length);
  const goal = uniform * sum;
  let reached = 0;
  let chosen: TokenId | undefined;
  for (let start = 0; start < ids.length; start += blockSize) {
    const end = Math.min(ids.length, start + blockSize);
    const beyond = reached + laneSum(probs, start, end);
    const isWalked = goal < beyond || end === ids.length;
    for (let index = start; isWalked && index < end; index++) {
      if (!(probs[index]! > 0)) continue;
      reached += probs[index]!;
      chosen = ids[index]!;
      if (goal < reached) return chosen;
    }
    reached = beyond;
  }
  if (chosen === undefined) {
    throw new RangeError(
      `Expected positive mass for distribution but received ${sum} on ${ids.length} tokens`,
    );
  }
  return chosen;
}
