// The most frequent beginnings of some continuations, as a tree. Knows nothing of where they were found.
import { ROOT, TokenTree, type NodeIndex } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';

/** A beginning that some continuations share. */
interface Beginning {
  readonly token: TokenId;
  readonly depth: number;
  readonly parent: Beginning | undefined;
  /** Continuations that begin so. */
  count: number;
  readonly children: Map<TokenId, Beginning>;
}

/** What {@link continuationTree} may keep. */
export interface TreeBounds {
  readonly maxNodes: number;
  readonly maxLeaves: number;
}

/**
 * Counts every beginning of every continuation and keeps the most frequent ones, up to the bounds; of equal counts the
 * shorter one first, then the one met first. A beginning is never more frequent than a shorter one of it, so that parents
 * come before children.
 *
 * @returns the tree, and for each node the share of those that reached its parent which go on with it
 */
export function continuationTree(
  continuations: readonly (readonly TokenId[])[],
  { maxNodes, maxLeaves }: TreeBounds,
): { readonly tree: TokenTree; readonly confidences: Float64Array } {
  const beginnings = countBeginnings(continuations);
  // Sorting is stable, and beginnings stand in the order in which they were met.
  beginnings.sort((left, right) => right.count - left.count || left.depth - right.depth);
  const nodes = new Map<Beginning | undefined, NodeIndex>([[undefined, ROOT]]);
  const leaves = new Set<NodeIndex>([ROOT]);
  const tokens: TokenId[] = [];
  const parents: NodeIndex[] = [];
  const confidences: number[] = [];
  for (const beginning of beginnings) {
    if (tokens.length >= maxNodes) break;
    const { token, parent, count } = beginning;
    const parentNode = nodes.get(parent);
    if (parentNode === undefined || (!leaves.has(parentNode) && leaves.size >= maxLeaves)) continue;
    const node = tokens.length;
    nodes.set(beginning, node);
    leaves.delete(parentNode);
    leaves.add(node);
    tokens.push(token);
    parents.push(parentNode);
    confidences.push(count / (parent?.count ?? continuations.length));
  }
  return { tree: new TokenTree(tokens, parents), confidences: Float64Array.from(confidences) };
}

function countBeginnings(continuations: readonly (readonly TokenId[])[]): Beginning[] {
  const beginnings: Beginning[] = [];
  const first = new Map<TokenId, Beginning>();
  for (const continuation of continuations) {
    let parent: Beginning | undefined;
    let siblings = first;
    for (const token of continuation) {
      let beginning = siblings.get(token);
      if (beginning === undefined) {
        const depth: number = (parent?.depth ?? 0) + 1;
        beginning = { token, depth, parent, count: 0, children: new Map<TokenId, Beginning>() };
        siblings.set(token, beginning);
        beginnings.push(beginning);
      }
      beginning.count++;
      parent = beginning;
      siblings = beginning.children;
    }
  }
  return beginnings;
}
