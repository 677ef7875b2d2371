// Over-acceptance: fewer rejections for a stated bias. The one lossy rule.
import { sample } from '../sampling/categorical.js';
import { probabilityOf } from '../sampling/distribution.js';
import { sampleResidual } from '../sampling/residual.js';
import { paretoPoint } from '../theory/pareto-line.js';
import type { NodeIndex, SiblingDraws } from '../tree/token-tree.js';
import { isAccepted } from './rejection.js';
import { checkChain, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

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
