// How often all of several independent drafts of one token are rejected, one after the other.
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { overlap, residual } from '../sampling/residual.js';

/** What is left when all drafts of a token were rejected. */
export interface RootRejection {
  /** `R_M`: the probability of it, in [0, 1]. */
  readonly probability: number;
  /** `p^{M+1}`: what the token is then drawn from. */
  readonly recovered: Distribution;
}

/**
 * `R_M = prod over m of TV(p^m, q)` with `p^1 = p` and `p^{m+1}` the normalised `(p^m - q)+`, for M drafts drawn from
 * `draftProbs` with replacement.
 * @param numDrafts  M, at least 0; Infinity for the limit, where only what the draft never draws is left:
 *                   `R = p(tokens with q = 0)`
 * @see Yin et al., arXiv:2411.00841, theorem 3 (the limit is ours: the target is reduced to `(p - S q)+` for an S that grows
 *      while anything of the draft's support is left)
 */
export function rootRejection(
  targetProbs: Distribution,
  draftProbs: Distribution,
  numDrafts: number,
): RootRejection {
  if (numDrafts === Infinity) return limit(targetProbs, draftProbs);
  let probability = 1;
  let recovered = targetProbs;
  for (let draft = 0; draft < numDrafts && probability > 0; draft++) {
    probability *= 1 - overlap(recovered, draftProbs);
    recovered = residual(recovered, draftProbs).distribution;
  }
  return { probability: Math.max(0, probability), recovered };
}

/**
 * The probability that one of `numSiblings` tokens drawn from `draftProbs` with replacement is accepted by recursive
 * rejection, `1 - R_M`.
 * @see arXiv:2602.16994, appendix B (SpecInfer); without replacement no closed form is known
 */
export function recursiveAcceptance(
  targetProbs: Distribution,
  draftProbs: Distribution,
  numSiblings: number,
): number {
  return 1 - rootRejection(targetProbs, draftProbs, numSiblings).probability;
}

function limit(targetProbs: Distribution, draftProbs: Distribution): RootRejection {
  const kept = Array.from(targetProbs.ids.keys()).filter(
    (index) => probabilityOf(draftProbs, targetProbs.ids[index]!) === 0,
  );
  const probability = kept.reduce((sum, index) => sum + targetProbs.probs[index]!, 0);
  if (probability === 0) return { probability, recovered: targetProbs };
  return {
    probability,
    recovered: {
      ids: Int32Array.from(kept, (index) => targetProbs.ids[index]!),
      probs: Float64Array.from(kept, (index) => targetProbs.probs[index]! / probability),
    },
  };
}
