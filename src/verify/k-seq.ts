// Sequential selection: siblings that were drawn independently are tried with one common acceptance threshold.
import { sample } from '../sampling/categorical.js';
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { ROOT, type NodeIndex, type SiblingDraws } from '../tree/token-tree.js';
import { isAccepted } from './rejection.js';
import { checkShapes, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/** How a node's siblings are tried. */
export interface KSeqRule {
  /** A draft token is accepted with probability `min(1, p / (rho q))`; in [1, numSiblings]. */
  readonly rho: number;
  /** Probability that one of the siblings is accepted. */
  readonly acceptance: number;
  /** What the next token is drawn from when none is: `(p - gamma min(p / rho, q))+`, normalised. */
  readonly rest: Distribution;
}

const bisectionSteps = 60;

/** `sum min(p / rho, q)`: the probability that one draft token is accepted. */
function singleAcceptance(targetProbs: Distribution, draftProbs: Distribution, rho: number): number {
  return targetProbs.ids.reduce(
    (sum, token, index) => sum + Math.min(targetProbs.probs[index]! / rho, probabilityOf(draftProbs, token)),
    0,
  );
}

/**
 * The rule for `numSiblings` tokens drawn from `draftProbs` with replacement: rho is the root in [1, numSiblings] of
 * `1 - (1 - b)^k = rho b` with `b = sum min(p / rho, q)`, found by bisection, and `gamma = (1 - (1 - b)^k) / b`.
 * @see Sun et al., SpecTr, arXiv:2310.15141, alg. 2 and theorem 2
 */
export function kSeqRule(targetProbs: Distribution, draftProbs: Distribution, numSiblings: number): KSeqRule {
  const acceptanceOf = (rho: number): number =>
    1 - (1 - singleAcceptance(targetProbs, draftProbs, rho)) ** numSiblings;
  let [low, high] = [1, numSiblings];
  for (let step = 0; step < bisectionSteps && numSiblings > 1; step++) {
    const middle = (low + high) / 2;
    const isBelow = acceptanceOf(middle) > middle * singleAcceptance(targetProbs, draftProbs, middle);
    if (isBelow) low = middle;
    else high = middle;
  }
  // From above, where the mass that is accepted never exceeds p.
  const rho = high;
  const single = singleAcceptance(targetProbs, draftProbs, rho);
  const acceptance = acceptanceOf(rho);
  if (!(single > 0)) return { rho, acceptance: 0, rest: targetProbs };
  return { rho, acceptance, rest: restOf(targetProbs, draftProbs, rho, acceptance / single) };
}

function restOf(
  targetProbs: Distribution,
  draftProbs: Distribution,
  rho: number,
  gamma: number,
): Distribution {
  const { ids, probs } = targetProbs;
  const weights = probs.map((prob, index) =>
    Math.max(0, prob - gamma * Math.min(prob / rho, probabilityOf(draftProbs, ids[index]!))),
  );
  const mass = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(mass > 0)) return targetProbs;
  const kept = Array.from(weights.keys()).filter((index) => weights[index]! > 0);
  return {
    ids: Int32Array.from(kept, (index) => ids[index]!),
    probs: Float64Array.from(kept, (index) => weights[index]! / mass),
  };
}

/**
 * At each node, tries the children in drawing order with the probability that {@link kSeqRule} gives them all, and
 * draws from the rest of the target where all are rejected. Lossless for siblings drawn with replacement; accepts at
 * least 1 - 1/e of what the best rule does. On a chain it is `rejection`.
 *
 * Reads `uniforms.accept[node]` for every child that is tried and `uniforms.sample` at the depth where it ends.
 * @see Sun et al., SpecTr, arXiv:2310.15141, sec. 5 (departures: rho by bisection; where rounding leaves the rest no
 *      mass, the target stands in)
 * Cost: O(accepted nodes * supportSize * log supportSize), times 60 where a node has siblings.
 */
export class KSeqVerifier implements Verifier {
  readonly name = 'k-seq';
  readonly lossless = true;
  readonly needsDraftProbs = true;
  readonly siblings: readonly SiblingDraws[] = ['withReplacement'];
  readonly chainsOnly = false;
  readonly fixedShapesOnly = true;

  verify(request: VerifyRequest): Verdict {
    checkShapes(request);
    const { tree, targetProbs, uniforms } = request;
    const acceptedNodes: NodeIndex[] = [];
    for (let node = ROOT; ;) {
      const depth = acceptedNodes.length;
      const children = tree.children(node);
      const target = targetProbs.row(node + 1);
      if (children.length === 0) {
        return { acceptedNodes, nextToken: sample(target, uniforms.sample[depth]!), nextTokenKind: 'bonus' };
      }
      const draft = draftRow(request, children[0]!);
      const { rho, rest } = kSeqRule(target, draft, children.length);
      const accepted = children.find((child) => {
        const token = tree.tokens[child]!;
        const uniform = rho * uniforms.accept[child]!;
        return isAccepted(uniform, probabilityOf(target, token), probabilityOf(draft, token));
      });
      if (accepted === undefined) {
        return {
          acceptedNodes,
          nextToken: sample(rest, uniforms.sample[depth]!),
          nextTokenKind: 'recovered',
        };
      }
      acceptedNodes.push(accepted);
      node = accepted;
    }
  }
}
