// Accepts what the target itself would have sampled. Knows nothing of draft probabilities.
import { sample } from '../sampling/categorical.js';
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { ROOT, type NodeIndex, type SiblingDraws } from '../tree/token-tree.js';
import { checkShapes } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/**
 * The probability that a sample of the target is among `numSiblings` tokens drawn with replacement:
 * `sum p (1 - (1 - q)^k)`.
 * @see arXiv:2602.16994, appendix B
 */
export function naiveAcceptance(
  targetProbs: Distribution,
  draftProbs: Distribution,
  numSiblings: number,
): number {
  return targetProbs.ids.reduce(
    (sum, token, index) =>
      sum + targetProbs.probs[index]! * (1 - (1 - probabilityOf(draftProbs, token)) ** numSiblings),
    0,
  );
}

/**
 * Samples the target at each depth and follows the child that holds the sampled token, the first one in drawing
 * order where two siblings hold it. Lossless: every output token is a sample of its target row, so the output is
 * the one that plain decoding gives for the same uniforms, whatever the tree.
 *
 * Reads `uniforms.sample` by depth; never reads `uniforms.accept` or draft probabilities.
 * At temperature 0 this is the longest greedy match.
 * @see NSS in arXiv:2602.16994, appendix B (departures: any tree, any sibling draws)
 * Cost: O(maxDepth * (supportSize + width)).
 */
export class MatchVerifier implements Verifier {
  readonly name: string;
  readonly lossless = true;
  readonly needsDraftProbs = false;
  readonly siblings: readonly SiblingDraws[] = [
    ...(['deterministic', 'withReplacement', 'withoutReplacement', 'topThenSampled', 'mixed'] as const),
  ];
  readonly chainsOnly = false;
  readonly fixedShapesOnly = false;

  /** @param name  `match`, or `naive` as it is called for trees */
  constructor(name: 'match' | 'naive' = 'match') {
    this.name = name;
  }

  verify(request: VerifyRequest): Verdict {
    checkShapes(request);
    const { tree, targetProbs, uniforms } = request;
    const acceptedNodes: NodeIndex[] = [];
    for (let node = ROOT; ;) {
      const children = tree.children(node);
      const nextToken = sample(targetProbs.row(node + 1), uniforms.sample[acceptedNodes.length]!);
      const match = children.find((child) => tree.tokens[child] === nextToken);
      if (match === undefined) {
        return { acceptedNodes, nextToken, nextTokenKind: children.length === 0 ? 'bonus' : 'recovered' };
      }
      acceptedNodes.push(match);
      node = match;
    }
  }
}
