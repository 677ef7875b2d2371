// Tree shapes that are fixed before anything is drawn, as parents in level order. Knows nothing of tokens.
import { ROOT, type NodeIndex } from './token-tree.js';

/**
 * Every node at depth d has `widths[d]` children, the root being at depth 0.
 * `[1, 1, 3, 1]` is a trunk of two that branches in three (delayed expansion, arXiv:2602.16994).
 * @returns parents [numNodes], level by level, siblings side by side
 * @see Miao et al., SpecInfer, arXiv:2305.09781, sec. 3.1
 */
export function levelTree(widths: readonly number[]): NodeIndex[] {
  const parents: NodeIndex[] = [];
  let level: NodeIndex[] = [ROOT];
  for (const width of widths) {
    const next: NodeIndex[] = [];
    for (const parent of level) {
      for (let sibling = 0; sibling < width; sibling++) {
        next.push(parents.length);
        parents.push(parent);
      }
    }
    level = next;
  }
  return parents;
}

/** Nodes of {@link levelTree}, without making it. */
export function levelTreeSize(widths: readonly number[]): number {
  let [level, size] = [1, 0];
  for (const width of widths) size += level *= width;
  return size;
}

/** A tree of one of the best sizes, and what it is expected to bring. */
export interface SequoiaTree {
  /** [numNodes], level by level, siblings side by side. */
  readonly parents: readonly NodeIndex[];
  /** Mean acceptance length, the recovered or bonus token included. */
  readonly expectedTokens: number;
}

interface Place {
  readonly parent: NodeIndex;
  readonly sibling: number;
  readonly depth: number;
  readonly value: number;
}

/**
 * The tree of `numNodes` nodes that accepts most when the k-th sibling is the accepted one with probability
 * `acceptance[k]`, whatever its parent: the nodes with the largest products along their path.
 * @param acceptance  positional acceptance, not increasing, its sum at most 1
 * @param maxDepth    largest depth of a node
 * @see Chen et al., Sequoia, arXiv:2402.12374, sec. 3.1 (departure: nodes are taken best first, which gives the optimum
 *      of the dynamic program because products fall along paths and siblings)
 * Cost: O(numNodes^2).
 */
export function sequoiaTree(
  acceptance: readonly number[],
  numNodes: number,
  maxDepth = Infinity,
): SequoiaTree {
  const taken: Place[] = [];
  const open: Place[] = [];
  const offer = (parent: NodeIndex, sibling: number, depth: number, product: number): void => {
    const value = product * (acceptance[sibling] ?? 0);
    if (depth <= maxDepth && value > 0) open.push({ parent, sibling, depth, value });
  };
  offer(ROOT, 0, 1, 1);
  let expectedTokens = 1;
  while (taken.length < numNodes && open.length > 0) {
    const best = open.reduce((one, other) => (other.value > one.value ? other : one));
    open.splice(open.indexOf(best), 1);
    const node = taken.push(best) - 1;
    expectedTokens += best.value;
    offer(best.parent, best.sibling + 1, best.depth, best.value / acceptance[best.sibling]!);
    offer(node, 0, best.depth + 1, best.value);
  }
  return { parents: inLevelOrder(taken), expectedTokens };
}

/** Renumbers nodes level by level, siblings in order. */
function inLevelOrder(places: readonly Place[]): NodeIndex[] {
  const parents: NodeIndex[] = [];
  let level: { readonly old: NodeIndex; readonly index: NodeIndex }[] = [{ old: ROOT, index: ROOT }];
  while (level.length > 0) {
    level = level.flatMap(({ old, index }) =>
      [...places.entries()]
        .filter(([, { parent }]) => parent === old)
        .sort(([, one], [, other]) => one.sibling - other.sibling)
        .map(([node]) => ({ old: node, index: parents.push(index) - 1 })),
    );
  }
  return parents;
}

/** Milliseconds of the parts of a round. */
export interface TreeCosts {
  /** One level of drafting. */
  readonly draftLevelMs: number;
  /** [maxNodes + 1]: a target decode with so many nodes below the root. */
  readonly targetMs: readonly number[];
}

/**
 * The {@link sequoiaTree} with the least time per token over all sizes and depths; the empty tree where none pays.
 * @see Chen et al., Sequoia, arXiv:2402.12374, sec. 3.3
 */
export function cheapestSequoiaTree(acceptance: readonly number[], costs: TreeCosts): SequoiaTree {
  let best: SequoiaTree = { parents: [], expectedTokens: 1 };
  let bestMs = costs.targetMs[0]!;
  for (let numNodes = 1; numNodes < costs.targetMs.length; numNodes++) {
    for (let depth = 1; depth <= numNodes; depth++) {
      const tree = sequoiaTree(acceptance, numNodes, depth);
      const perToken = (depth * costs.draftLevelMs + costs.targetMs[numNodes]!) / tree.expectedTokens;
      if (perToken < bestMs) [best, bestMs] = [tree, perToken];
    }
  }
  return best;
}
