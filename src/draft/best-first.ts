// Grows the tree with the likeliest paths. Knows nothing of where candidates come from.
import { ROOT, TokenTree, type NodeIndex } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';

/** A token that may follow a node. */
export interface NextToken {
  readonly token: TokenId;
  /** Estimated probability that it is accepted once the node is. */
  readonly confidence: number;
}

/** A node that is in the tree or may be. */
interface Candidate extends NextToken {
  readonly parent: NodeIndex;
  /** That its path is accepted. */
  readonly probability: number;
}

/** What {@link growBestFirst} makes. */
export interface GrownDraft {
  readonly tree: TokenTree;
  /** [numNodes] */
  readonly confidences: Float64Array;
}

/**
 * Takes the node whose path is likeliest, again and again: of all trees of `numNodes` nodes the one with the largest
 * expected number of accepted tokens, if the confidences are right.
 * @param next  what may follow a path of tokens after the root: different tokens, in an order that decides ties
 * @param minProbability  of a path; less likely nodes are left out
 * @param maxLeaves  nodes that would be one leaf more are left out
 * @see Chen et al., Sequoia, arXiv:2402.12374, sec. 3.1 (departure: over known candidates instead of positions)
 * Cost: O(numNodes * candidates).
 */
export function growBestFirst(
  numNodes: number,
  minProbability: number,
  next: (path: readonly TokenId[], least: number) => Iterable<NextToken>,
  maxLeaves = Infinity,
): GrownDraft {
  const taken: Candidate[] = [];
  const open: Candidate[] = [];
  const inner = new Set<NodeIndex>();
  const offerAfter = (parent: NodeIndex): void => {
    const path: TokenId[] = [];
    for (let node = parent; node !== ROOT; node = taken[node]!.parent) path.push(taken[node]!.token);
    const reached = parent === ROOT ? 1 : taken[parent]!.probability;
    const least = minProbability / reached;
    for (const { token, confidence } of next(path.reverse(), least))
      if (confidence >= least) open.push({ token, parent, confidence, probability: reached * confidence });
  };
  if (numNodes > 0) offerAfter(ROOT);
  while (taken.length < numNodes && open.length > 0) {
    let best = 0;
    for (let index = 1; index < open.length; index++)
      if (open[index]!.probability > open[best]!.probability) best = index;
    const [candidate] = open.splice(best, 1) as [Candidate];
    const numLeaves = taken.length - inner.size + (inner.has(ROOT) ? 1 : 0);
    if (inner.has(candidate.parent) && numLeaves >= maxLeaves) continue;
    inner.add(candidate.parent);
    taken.push(candidate);
    if (taken.length < numNodes) offerAfter(taken.length - 1);
  }
  return {
    tree: new TokenTree(
      taken.map(({ token }) => token),
      taken.map(({ parent }) => parent),
    ),
    confidences: Float64Array.from(taken, ({ confidence }) => confidence),
  };
}
