// Traversal verification: block verification for trees, from the leaves to the root.
import { sample } from '../sampling/categorical.js';
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { residual } from '../sampling/residual.js';
import { jointRatio } from '../theory/acceptance-ratios.js';
import { ROOT, type NodeIndex, type SiblingDraws } from '../tree/token-tree.js';
import { checkShapes, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/** A node whose children are all gone: the probability to end the accepted path there, and the law after it. */
export interface Ending {
  readonly node: NodeIndex;
  /** `P` of the node, in [0, 1]. */
  readonly ratio: number;
  /** What is left of the target after the node. */
  readonly target: Distribution;
}

/**
 * Offers each node for the end of the accepted path, children before their parent and siblings in drawing order, until
 * one is taken; the root is taken for sure.
 *
 * `P(root) = 1` and `P(child) = min(1, P p(x) / q(x))`. A child that is not taken is deleted: with `S` the mass of
 * `(P p - q)+`, its parent goes on with that residual, normalised, as p and with `P = S / (S + 1 - P)`.
 * Where P is 1 and S is 0 (p and q agree) the child was taken for sure and any value would do: it is 1.
 */
export function traverse(request: VerifyRequest, isTaken: (ending: Ending) => boolean): Ending {
  const { tree, targetProbs } = request;
  const visit = (node: NodeIndex, initialRatio: number): Ending | undefined => {
    let ratio = initialRatio;
    let target = targetProbs.row(node + 1);
    for (const child of tree.children(node)) {
      const token = tree.tokens[child]!;
      const draft = draftRow(request, child);
      const childRatio = jointRatio(ratio, probabilityOf(target, token), probabilityOf(draft, token));
      const ending = visit(child, childRatio);
      if (ending !== undefined) return ending;
      const rest = residual(target, draft, ratio);
      const total = rest.mass + (1 - ratio);
      target = rest.distribution;
      ratio = total > 0 ? rest.mass / total : 1;
    }
    const ending = { node, ratio, target };
    return node === ROOT || isTaken(ending) ? ending : undefined;
  };
  return visit(ROOT, 1)!;
}

/**
 * Tries paths from their leaf upwards: a whole path is accepted with the probability that its tokens together deserve,
 * and a leaf that is rejected leaves its parent what is left of the target. Lossless, whether siblings were drawn with or
 * without replacement; on a chain it is `block`, and with siblings it accepts more than `recursive` in all we measured.
 *
 * Reads `uniforms.accept[node]` of every node that is offered and `uniforms.sample` at the accepted length only.
 * @see Weng et al., Traversal verification, arXiv:2505.12398, alg. 1 (departures: a deterministic drafter counts as
 *      one-hot; where rounding leaves the residual no mass, the target stands in)
 * Cost: O(offered nodes * supportSize).
 */
export class TraversalVerifier implements Verifier {
  readonly name = 'traversal';
  readonly lossless = true;
  readonly needsDraftProbs = true;
  readonly siblings: readonly SiblingDraws[] = [
    'withoutReplacement',
    'withReplacement',
    'mixed',
    'deterministic',
  ];
  readonly chainsOnly = false;
  readonly fixedShapesOnly = false;

  verify(request: VerifyRequest): Verdict {
    checkShapes(request);
    const { tree, uniforms } = request;
    const { node, target } = traverse(request, (ending) => uniforms.accept[ending.node]! < ending.ratio);
    const acceptedNodes = tree.path(node);
    return {
      acceptedNodes,
      nextToken: sample(target, uniforms.sample[acceptedNodes.length]!),
      nextTokenKind: tree.children(node).length === 0 ? 'bonus' : 'recovered',
    };
  }
}
