// Greedy multi-draft: all siblings but the last are the likeliest tokens, the last one is drawn from the others.
import { sample } from '../sampling/categorical.js';
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { residual } from '../sampling/residual.js';
import { ROOT, type NodeIndex, type SiblingDraws } from '../tree/token-tree.js';
import { isAccepted } from './rejection.js';
import { checkShapes, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/**
 * The probability that the next token is among the siblings: `P(A) + sum over x not in A of min(p, q~)`, A being the
 * likeliest `numSiblings - 1` tokens of `draftProbs` and q~ its rest, normalised. The best that any rule can do with them.
 * @see Hu et al., arXiv:2502.18779, sec. 5
 */
export function greedyMultiDraftAcceptance(
  targetProbs: Distribution,
  draftProbs: Distribution,
  numSiblings: number,
): number {
  const { top, rest } = topAndRest(draftProbs, numSiblings - 1);
  const mass = rest.probs.reduce((sum, prob) => sum + prob, 0);
  const ofTop = top.reduce((sum, token) => sum + probabilityOf(targetProbs, token), 0);
  return rest.ids.reduce(
    (sum, token, index) => sum + Math.min(probabilityOf(targetProbs, token), rest.probs[index]! / mass),
    ofTop,
  );
}

/** The `count` likeliest tokens, smaller ids first among equals, and the others with their weights. */
export function topAndRest(
  { ids, probs }: Distribution,
  count: number,
): { readonly top: readonly number[]; readonly rest: Distribution } {
  const order = Array.from(ids.keys()).sort((one, other) => probs[other]! - probs[one]! || one - other);
  const top = new Set(order.slice(0, count));
  const kept = Array.from(ids.keys()).filter((index) => !top.has(index));
  return {
    top: order.slice(0, count).map((index) => ids[index]!),
    rest: {
      ids: Int32Array.from(kept, (index) => ids[index]!),
      probs: Float64Array.from(kept, (index) => probs[index]!),
    },
  };
}

/**
 * At each node, tries the last child alone, with probability min(1, p / q) for the row q it was drawn from, which is zero
 * on its siblings; where it is rejected the next token comes from `(p - q)+`, and the path goes on where a child
 * holds it. Lossless for any siblings that were fixed before the last one was drawn. On a chain it is `rejection`.
 *
 * Reads `uniforms.accept` of last children and `uniforms.sample` at the depths where they are rejected or missing.
 * @see Hu et al., Towards optimal multi-draft speculative decoding, arXiv:2502.18779, sec. 5 (departures: a
 *      deterministic last child counts as one-hot; where rounding leaves the residual no mass, the target stands in)
 * Cost: O(accepted nodes * supportSize).
 */
export class GreedyMultiDraftVerifier implements Verifier {
  readonly name = 'greedy-multi-draft';
  readonly lossless = true;
  readonly needsDraftProbs = true;
  readonly siblings: readonly SiblingDraws[] = ['topThenSampled', 'deterministic'];
  readonly chainsOnly = false;
  readonly fixedShapesOnly = true;

  verify(request: VerifyRequest): Verdict {
    checkShapes(request);
    const { tree, targetProbs, uniforms } = request;
    const acceptedNodes: NodeIndex[] = [];
    for (let node = ROOT; ;) {
      const target = targetProbs.row(node + 1);
      const uniform = uniforms.sample[acceptedNodes.length]!;
      const children = tree.children(node);
      const last = children.at(-1);
      if (last === undefined) {
        return { acceptedNodes, nextToken: sample(target, uniform), nextTokenKind: 'bonus' };
      }
      const draft = draftRow(request, last);
      const token = tree.tokens[last]!;
      let accepted: NodeIndex | undefined = last;
      if (!isAccepted(uniforms.accept[last]!, probabilityOf(target, token), probabilityOf(draft, token))) {
        const nextToken = sample(residual(target, draft).distribution, uniform);
        accepted = children.find((child) => tree.tokens[child] === nextToken);
        if (accepted === undefined) return { acceptedNodes, nextToken, nextTokenKind: 'recovered' };
      }
      acceptedNodes.push(accepted);
      node = accepted;
    }
  }
}
