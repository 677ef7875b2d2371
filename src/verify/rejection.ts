// Token-wise rejection sampling on a chain.
import { sample } from '../sampling/categorical.js';
import { probabilityOf } from '../sampling/distribution.js';
import { sampleResidual } from '../sampling/residual.js';
import type { NodeIndex, SiblingDraws } from '../tree/token-tree.js';
import { checkChain, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/**
 * True when a uniform in [0, 1) falls below min(1, p / q); equal is a rejection, or a token of
 * target probability 0 could pass. Multiplies instead of dividing, as the native twin does.
 */
export function isAccepted(uniform: number, targetProbability: number, draftProbability: number): boolean {
  return draftProbability > 0 && uniform * draftProbability < targetProbability;
}

/**
 * Accepts draft tokens one by one with probability min(1, p / q); the first rejected one is replaced by a draw
 * from the residual, and a whole accepted chain is followed by a bonus token. Lossless.
 *
 * Reads `uniforms.accept[node]` down to the first rejection and `uniforms.sample` at that depth only.
 * @see Leviathan et al., arXiv:2211.17192, alg. 1; Chen et al., arXiv:2302.01318 (departures: a
 *      deterministic drafter counts as one-hot; where rounding leaves the residual no mass, the target stands in)
 * Cost: O(numAccepted * log supportSize + supportSize).
 */
export class RejectionVerifier implements Verifier {
  readonly name = 'rejection';
  readonly lossless = true;
  readonly needsDraftProbs = true;
  readonly siblings: readonly SiblingDraws[] = ['withReplacement', 'withoutReplacement', 'deterministic'];
  readonly chainsOnly = true;
  readonly fixedShapesOnly = false;

  verify(request: VerifyRequest): Verdict {
    checkChain(request, this.name);
    const { tree, targetProbs, uniforms } = request;
    const acceptedNodes: NodeIndex[] = [];
    for (let node = 0; node < tree.numNodes; node++) {
      const token = tree.tokens[node]!;
      const target = targetProbs.row(node);
      const draft = draftRow(request, node);
      if (!isAccepted(uniforms.accept[node]!, probabilityOf(target, token), probabilityOf(draft, token))) {
        const nextToken = sampleResidual(target, draft, 1, uniforms.sample[node]!);
        return { acceptedNodes, nextToken, nextTokenKind: 'recovered' };
      }
      acceptedNodes.push(node);
    }
    const nextToken = sample(targetProbs.row(tree.numNodes), uniforms.sample[tree.numNodes]!);
    return { acceptedNodes, nextToken, nextTokenKind: 'bonus' };
  }
}
