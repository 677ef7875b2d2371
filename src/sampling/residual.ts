// The residual distribution and distances between two supports. Every acceptance rule calls these.
import type { TokenId } from '../types.js';
import { sample } from './categorical.js';
import type { Distribution } from './distribution.js';

/** Positive part of a difference of two distributions. */
export interface Residual {
  /** Normalised; the target itself where `mass` is 0. */
  readonly distribution: Distribution;
  /** Sum of the positive parts before normalising, in [0, scale]. */
  readonly mass: number;
}

/**
 * The positive part of `scale * p - q`, not normalised; the one definition of the residual.
 * Only tokens of the target can be left over, so the walk is over its support.
 *
 * @param targetProbs  p, [supportSize]
 * @param draftProbs   q, [supportSize]
 * @param scale        in [0, 1]; 1 for token-wise rejection, the joint ratio for block verification
 * @returns ids of positive weight, ascending, with their weights and the sum of these in that order
 * Cost: O(sum of the support sizes).
 */
export function residualWeights(
  targetProbs: Distribution,
  draftProbs: Distribution,
  scale = 1,
): { readonly weights: Distribution; readonly mass: number } {
  const ids = new Int32Array(targetProbs.ids.length);
  const probs = new Float64Array(targetProbs.ids.length);
  let size = 0;
  let mass = 0;
  let draftIndex = 0;
  for (let index = 0; index < targetProbs.ids.length; index++) {
    const token = targetProbs.ids[index]!;
    while (draftProbs.ids[draftIndex]! < token) draftIndex++;
    const draftProb = draftProbs.ids[draftIndex] === token ? draftProbs.probs[draftIndex]! : 0;
    const weight = scale * targetProbs.probs[index]! - draftProb;
    if (!(weight > 0)) continue;
    ids[size] = token;
    probs[size] = weight;
    mass += weight;
    size += 1;
  }
  return { weights: { ids: ids.subarray(0, size), probs: probs.subarray(0, size) }, mass };
}

/**
 * The residual distribution, `(scale * p - q)+` normalised, and its mass.
 * Mass 0 means that nothing of the target is left: with scale 1 the two are equal up to rounding, and a rejection
 * that would draw from here has probability 0 up to rounding. The target then stands in, which keeps the output
 * inside the target's support.
 *
 * @see Leviathan et al., Fast inference from transformers via speculative decoding, arXiv:2211.17192, sec. 2.3
 */
export function residual(targetProbs: Distribution, draftProbs: Distribution, scale = 1): Residual {
  const { weights, mass } = residualWeights(targetProbs, draftProbs, scale);
  if (!(mass > 0)) return { distribution: targetProbs, mass: 0 };
  const factor = 1 / mass;
  return { distribution: { ids: weights.ids, probs: weights.probs.map((weight) => weight * factor) }, mass };
}

/**
 * Draws from the residual distribution, or from the target where the residual has no mass.
 * Walks the weights without normalising them first: fewer roundings, and the native twin does the same.
 *
 * @param uniform  in [0, 1)
 */
export function sampleResidual(
  targetProbs: Distribution,
  draftProbs: Distribution,
  scale: number,
  uniform: number,
): TokenId {
  const { weights, mass } = residualWeights(targetProbs, draftProbs, scale);
  return sample(mass > 0 ? weights : targetProbs, uniform);
}

/** Sum of `min(p, q)`: the largest probability with which two variables of these laws can agree. */
export function overlap(first: Distribution, second: Distribution): number {
  let sum = 0;
  let other = 0;
  for (let index = 0; index < first.ids.length; index++) {
    const token = first.ids[index]!;
    while (second.ids[other]! < token) other++;
    if (second.ids[other] === token) sum += Math.min(first.probs[index]!, second.probs[other]!);
  }
  return sum;
}

/**
 * Total variation distance, `sum (p - q)+`, in [0, 1]: the probability that token-wise rejection rejects.
 * Symmetric up to rounding, because both sum to 1.
 */
export function totalVariation(targetProbs: Distribution, draftProbs: Distribution): number {
  return residualWeights(targetProbs, draftProbs).mass;
}
