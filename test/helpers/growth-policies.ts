import { probabilityOf } from '../../src/sampling/distribution.js';
import { Purpose, uniform } from '../../src/sampling/random.js';
import type { GrowthPolicy } from './enumerate-drafts.js';

/**
 * The heap of DySpec: a node's value is its parent's times its draft probability, its next sibling's the rest of it.
 * @see Xiong et al., arXiv:2410.11744, alg. 1
 */
export const dySpec =
  (budget: number): GrowthPolicy =>
  (tree, rowOf) => {
    if (tree.numNodes === budget) return 'stop';
    const open: { node: number; value: number }[] = [];
    const visit = (node: number, value: number): void => {
      let rest = value;
      const row = rowOf(node);
      const children = tree.children(node);
      const full = row.ids.length + children.length;
      children.forEach((child, index) => {
        const share = drawnShare(tree, child, rowOf, index);
        visit(child, rest * share);
        rest *= 1 - share;
      });
      if (full > children.length) open.push({ node, value: rest });
    };
    visit(-1, 1);
    open.sort((one, other) => other.value - one.value || one.node - other.node);
    return open[0]?.node ?? 'stop';
  };

/** A stand-in for the draft probability of a drawn node that depends on its token and place. */
function drawnShare(
  tree: Parameters<GrowthPolicy>[0],
  child: number,
  rowOf: Parameters<GrowthPolicy>[1],
  index: number,
): number {
  const parent = tree.parents[child]!;
  const left = probabilityOf(rowOf(parent), tree.tokens[child]!);
  return left > 0 ? left : uniform(tree.tokens[child]!, Purpose.draft, index) * 0.8 + 0.1;
}

/** Goes on below a node, or stops, by a hash of everything drawn so far. */
export const hashed =
  (seed: number) =>
  (budget: number): GrowthPolicy =>
  (tree, rowOf) => {
    if (tree.numNodes === budget) return 'stop';
    if (tree.numNodes === 0) return -1;
    const code = tree.tokens.reduce(
      (sum, token, node) => sum * 31 + token * 7 + tree.parents[node]! + 2,
      seed,
    );
    const choice = Math.floor(uniform(code >>> 0, Purpose.draft, tree.numNodes) * (tree.numNodes + 2)) - 1;
    if (choice === tree.numNodes) return 'stop';
    return rowOf(choice).ids.length > 0 ? choice : 'stop';
  };

/** Policies that take every liberty that is allowed. */
export const allPolicies: [string, (budget: number) => GrowthPolicy][] = [
  ['a heap decides by what was drawn', dySpec],
  ...[1, 2, 3, 4, 5].map((seed): [string, (budget: number) => GrowthPolicy] => [
    `a hash of all draws decides (${seed})`,
    hashed(seed),
  ]),
];
