// Kullback-Leibler divergence, and what it says of acceptance.
import { mean } from 'simple-statistics';
import { probabilityOf, type Distribution } from '../sampling/distribution.js';

/**
 * `sum p ln(p / q)`, in nats; Infinity where the target may say what the draft never does.
 * Cost: O(supportSize log supportSize).
 */
export function divergence(targetProbs: Distribution, draftProbs: Distribution): number {
  const total = targetProbs.ids.reduce((sum, token, index) => {
    const probability = targetProbs.probs[index]!;
    return sum + probability * Math.log(probability / probabilityOf(draftProbs, token));
  }, 0);
  return Math.max(0, total);
}

/** The mean over positions, in nats; Infinity where one is, which a compensated sum would make NaN. */
export function meanDivergence(nats: readonly number[]): number {
  return nats.includes(Infinity) ? Infinity : mean([...nats]);
}

/**
 * The least acceptance that a divergence allows, `1 - sqrt(KL / 2)`, by Pinsker's inequality; it holds for means over
 * positions, too, because the root is concave.
 * @param nats  KL(p, q), in nats
 */
export function leastAcceptance(nats: number): number {
  return Math.max(0, 1 - Math.sqrt(nats / 2));
}
