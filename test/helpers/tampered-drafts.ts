// What must not be done with a tree after it was drawn. Each makes a rule that divides by draft probabilities lossy.
import { ArrayRows, probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { ROOT, TokenTree, type NodeIndex } from '../../src/tree/token-tree.js';
import type { WeightedDraft } from './enumerate-drafts.js';

/** The same tree with other rows. */
export function rowsOf(
  { tree }: WeightedDraft,
  rowAt: (node: NodeIndex) => Distribution,
): WeightedDraft['draftProbs'] {
  return new ArrayRows(Array.from(tree.tokens.keys(), rowAt));
}

/** Draft probability of a node's path. */
function pathProbability({ tree, draftProbs }: WeightedDraft, node: NodeIndex): number {
  return tree
    .path(node)
    .reduce((product, step) => product * probabilityOf(draftProbs!.row(step), tree.tokens[step]!), 1);
}

/** A tree whose node i was node `order[i]`. */
export interface ReorderedDraft extends WeightedDraft {
  readonly order: readonly NodeIndex[];
}

/** The nodes in a new order, parents first; nodes that are left out have no children. */
function reordered(draft: WeightedDraft, order: readonly NodeIndex[]): ReorderedDraft {
  const { tree, draftProbs } = draft;
  const parents = order.map((node) =>
    tree.parents[node] === ROOT ? ROOT : order.indexOf(tree.parents[node]!),
  );
  return {
    tree: new TokenTree(
      order.map((node) => tree.tokens[node]!),
      parents,
    ),
    draftProbs: new ArrayRows(order.map((node) => draftProbs!.row(node))),
    probability: draft.probability,
    order,
  };
}

/** Without the leaf whose path its drafter found least likely. */
export function dropWorst(draft: WeightedDraft): ReorderedDraft {
  const { tree } = draft;
  const nodes = Array.from(tree.tokens.keys());
  const leaves = nodes.filter((node) => tree.children(node).length === 0);
  const worst = leaves.reduce((one, other) =>
    pathProbability(draft, other) < pathProbability(draft, one) ? other : one,
  );
  return reordered(
    draft,
    nodes.filter((node) => node !== worst),
  );
}

/** Siblings in the order of their paths' draft probabilities, likeliest first. */
export function sortSiblings(draft: WeightedDraft): ReorderedDraft {
  const { tree } = draft;
  const order: NodeIndex[] = [];
  const visit = (node: NodeIndex): void => {
    const children = [...tree.children(node)].sort(
      (one, other) => pathProbability(draft, other) - pathProbability(draft, one),
    );
    order.push(...children);
    children.forEach(visit);
  };
  visit(ROOT);
  return reordered(draft, order);
}
