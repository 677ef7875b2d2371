// Recursive rejection: siblings are tried one by one against what the ones before left of the target.
import { sample } from '../sampling/categorical.js';
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { residual } from '../sampling/residual.js';
import { ROOT, type NodeIndex, type SiblingDraws } from '../tree/token-tree.js';
import { isAccepted } from './rejection.js';
import { checkShapes, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/** What is left of the target below `node` once its first `numRejected` children were rejected. */
export function targetAfterRejections(
  request: VerifyRequest,
  node: NodeIndex,
  numRejected: number,
): Distribution {
  const rejected = request.tree.children(node).slice(0, numRejected);
  return rejected.reduce(
    (target, child) => residual(target, draftRow(request, child)).distribution,
    request.targetProbs.row(node + 1),
  );
}

/**
 * At each node, tries the children in drawing order, each with probability min(1, p / q); a rejected one leaves the
 * normalised `(p - q)+` as the target of the next. Where all are rejected that is what the next token is drawn from.
 * Lossless, whether siblings were drawn with or without replacement, because q is the very row a child was drawn from.
 * On a chain it is `rejection`.
 *
 * Reads `uniforms.accept[node]` for every child that is tried and `uniforms.sample` at the depth where it ends.
 * @see Miao et al., SpecInfer, arXiv:2305.09781, alg. 2; Jeon et al., arXiv:2402.14160 and Chen et al., Sequoia,
 *      arXiv:2402.12374, without replacement (departures: drawing order instead of a random one; a deterministic
 *      drafter counts as one-hot; where rounding leaves the residual no mass, the target stands in)
 * Cost: O(tried children * supportSize).
 */
export class RecursiveVerifier implements Verifier {
  readonly name = 'recursive';
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
    const { tree, targetProbs, uniforms } = request;
    const acceptedNodes: NodeIndex[] = [];
    for (let node = ROOT; ;) {
      const children = tree.children(node);
      let target = targetProbs.row(node + 1);
      let accepted: NodeIndex | undefined;
      for (const child of children) {
        const draft = draftRow(request, child);
        const token = tree.tokens[child]!;
        if (isAccepted(uniforms.accept[child]!, probabilityOf(target, token), probabilityOf(draft, token))) {
          accepted = child;
          break;
        }
        target = residual(target, draft).distribution;
      }
      if (accepted === undefined) {
        const nextToken = sample(target, uniforms.sample[acceptedNodes.length]!);
        return { acceptedNodes, nextToken, nextTokenKind: children.length === 0 ? 'bonus' : 'recovered' };
      }
      acceptedNodes.push(accepted);
      node = accepted;
    }
  }
}
