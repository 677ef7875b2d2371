// What over-acceptance saves of rejections and spends in bias. Knows nothing of how it is carried out.
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { residual } from '../sampling/residual.js';
import type { TokenId } from '../types.js';

/** What over-acceptance does at one position; the two add up to the total variation distance. */
export interface ParetoPoint {
  /** Probability that the draft token is rejected, `sum (q - p - epsilon)+`. */
  readonly rejection: number;
  /** Total variation distance between what is put out and p: `sum over q > p of min(q - p, epsilon)`. */
  readonly bias: number;
}

/**
 * Rejection probability and bias of a draft token of law `draftProbs` that is accepted with probability
 * `min(1, (p + epsilon) / q)`.
 * @see Yin et al., arXiv:2411.00841, theorems 4 and 5
 */
export function paretoPoint(
  targetProbs: Distribution,
  draftProbs: Distribution,
  epsilon: number,
): ParetoPoint {
  let rejection = 0;
  // Even and odd places apart, which a processor adds at once.
  const bias = [0, 0];
  draftProbs.ids.forEach((token, index) => {
    const excess = Math.max(0, draftProbs.probs[index]! - probabilityOf(targetProbs, token));
    rejection += Math.max(0, excess - epsilon);
    bias[index % 2]! += Math.min(excess, epsilon);
  });
  return { rejection, bias: bias[0]! + bias[1]! };
}

/**
 * The point of any acceptance b of at least `min(1, p / q)`, with the best law to recover from:
 * `rejection = sum (1 - b) q` and `bias = (sum |p - b q| - rejection) / 2`. All lie on the line
 * `rejection + bias = TV(p, q)`; without the condition on b they lie on it or above.
 * @param accept  b of a token, in [0, 1]
 * @see Yin et al., arXiv:2411.00841, theorems 4 and 5
 */
export function overAcceptancePoint(
  targetProbs: Distribution,
  draftProbs: Distribution,
  accept: (token: TokenId) => number,
): ParetoPoint {
  let [rejection, distance] = [0, 0];
  for (const token of new Set([...targetProbs.ids, ...draftProbs.ids])) {
    const draft = probabilityOf(draftProbs, token);
    const kept = draft > 0 ? accept(token) * draft : 0;
    rejection += draft - kept;
    distance += Math.abs(probabilityOf(targetProbs, token) - kept);
  }
  return { rejection, bias: (distance - rejection) / 2 };
}

/**
 * The probabilities that over-acceptance puts out `token` as a draft token, `min(q, p + epsilon)`, and after a rejection,
 * where it draws from the residual distribution.
 * @param point  of the two laws at this epsilon
 */
export function paretoOutput(
  targetProbs: Distribution,
  draftProbs: Distribution,
  {
    token,
    epsilon,
    point,
  }: { readonly token: TokenId; readonly epsilon: number; readonly point: ParetoPoint },
): { readonly accepted: number; readonly recovered: number } {
  const accepted = Math.min(probabilityOf(draftProbs, token), probabilityOf(targetProbs, token) + epsilon);
  const { distribution } = residual(targetProbs, draftProbs);
  return { accepted, recovered: point.rejection * probabilityOf(distribution, token) };
}
