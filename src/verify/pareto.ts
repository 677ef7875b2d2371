// Over-acceptance: fewer rejections for a stated bias. The one lossy rule.
import { sample } from '../sampling/categorical.js';
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { sampleResidual } from '../sampling/residual.js';
import type { NodeIndex, SiblingDraws } from '../tree/token-tree.js';
import { isAccepted } from './rejection.js';
import { checkChain, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/** What over-acceptance does at one position; the two add up to the total variation distance. */
export interface ParetoPoint {
  /** `sum (q - p - epsilon)+`. */
  readonly rejection: number;
  /** Total variation distance between what is put out and p: `sum over q > p of min(q - p, epsilon)`. */
  readonly bias: number;
}

/**
 * Rejection probability and bias of a draft token of law `draftProbs`.
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
 * Accepts a draft token with probability min(1, (p + epsilon) / q) and recovers from the normalised `(p - q)+`, which
 * is the best that can be done for that acceptance. Lossy: the verdict tells the bias it spent, the sum over the
 * positions it decided of the distance between what it puts out and the target. epsilon 0 is `rejection`.
 *
 * Reads uniforms as `rejection` does.
 * @see Yin et al., A theoretical perspective for speculative decoding, arXiv:2411.00841, sec. 4 (departures: none)
 * Cost: O(numAccepted * supportSize).
 */
export class ParetoVerifier implements Verifier {
  readonly name = 'pareto';
  readonly lossless: boolean;
  readonly needsDraftProbs = true;
  readonly siblings: readonly SiblingDraws[] = ['withReplacement', 'withoutReplacement', 'deterministic'];
  readonly chainsOnly = true;
  readonly fixedShapesOnly = false;
  readonly epsilon: number;

  /**
   * @param epsilon  extra acceptance in units of probability, in [0, 1]
   * @throws {RangeError} when it lies outside
   */
  constructor(epsilon: number) {
    if (!(epsilon >= 0 && epsilon <= 1))
      throw new RangeError(`Expected a number in [0, 1] for epsilon but received ${epsilon}`);
    this.epsilon = epsilon;
    this.lossless = epsilon === 0;
  }

  verify(request: VerifyRequest): Verdict {
    checkChain(request, this.name);
    const { tree, targetProbs, uniforms } = request;
    const acceptedNodes: NodeIndex[] = [];
    let bias = 0;
    for (let node = 0; node < tree.numNodes; node++) {
      const token = tree.tokens[node]!;
      const target = targetProbs.row(node);
      const draft = draftRow(request, node);
      const wanted = probabilityOf(target, token) + this.epsilon;
      bias += paretoPoint(target, draft, this.epsilon).bias;
      if (!isAccepted(uniforms.accept[node]!, wanted, probabilityOf(draft, token))) {
        const nextToken = sampleResidual(target, draft, 1, uniforms.sample[node]!);
        return { acceptedNodes, nextToken, nextTokenKind: 'recovered', bias };
      }
      acceptedNodes.push(node);
    }
    const nextToken = sample(targetProbs.row(tree.numNodes), uniforms.sample[tree.numNodes]!);
    return { acceptedNodes, nextToken, nextTokenKind: 'bonus', bias };
  }
}
