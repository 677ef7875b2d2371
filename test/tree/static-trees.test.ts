import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cheapestSequoiaTree, levelTree, levelTreeSize, sequoiaTree } from '../../src/tree/static-trees.js';
import { TokenTree } from '../../src/tree/token-tree.js';

/** The optimum by the dynamic program of the paper: `best[m][l][b]`, m nodes with the root, depth l, b root children. */
function byDynamicProgram(acceptance: readonly number[], numNodes: number, maxDepth: number): number {
  const cache = new Map<string, number>();
  const best = (nodes: number, depth: number): number =>
    Math.max(...[...acceptance.keys(), acceptance.length].map((children) => exactly(nodes, depth, children)));
  const exactly = (nodes: number, depth: number, children: number): number => {
    if (children === 0) return nodes === 1 ? 1 : -Infinity;
    if (depth === 0 || nodes < 1 + children) return -Infinity;
    const key = `${nodes} ${depth} ${children}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    let value = -Infinity;
    for (let others = 1; others < nodes; others++) {
      const last = acceptance[children - 1]! * best(nodes - others, depth - 1);
      value = Math.max(value, exactly(others, depth, children - 1) + last);
    }
    cache.set(key, value);
    return value;
  };
  return best(numNodes + 1, maxDepth);
}

const vectors = fc
  .array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 3 })
  .map((weights) => {
    const sum = weights.reduce((total, weight) => total + weight, 0.05);
    return weights.map((weight) => weight / sum).sort((one, other) => other - one);
  });

describe('a level tree', () => {
  it('gives every node of a level as many children', () => {
    expect(levelTree([3, 2, 1])).toEqual([-1, -1, -1, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8]);
    expect(levelTree([1, 1, 2, 1])).toEqual([-1, 0, 1, 1, 2, 3]);
    expect(levelTree([])).toEqual([]);
    expect([[3, 2, 1], [1, 1, 2, 1], [], [4]].map(levelTreeSize)).toEqual([15, 6, 0, 4]);
  });
});

describe("Sequoia's tree", () => {
  it('accepts 1, 1.6, 1.96, ... tokens of the published example', () => {
    const expected = [1, 1.6, 1.96, 2.176, 2.376, 2.5056, 2.6256, 2.7456];
    expected.forEach((tokens, numNodes) =>
      expect(sequoiaTree([0.6, 0.2, 0.1], numNodes).expectedTokens).toBeCloseTo(tokens, 12),
    );
    const capped = [1, 1.6, 1.8, 1.9];
    capped.forEach((tokens, numNodes) =>
      expect(sequoiaTree([0.6, 0.2, 0.1], numNodes, 1).expectedTokens).toBeCloseTo(tokens, 12),
    );
  });

  it('accepts what the dynamic program finds, and what its own shape says', () => {
    fc.assert(
      fc.property(
        vectors,
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 1, max: 4 }),
        (vector, size, depth) => {
          const { parents, expectedTokens } = sequoiaTree(vector, size, depth);
          const tree = new TokenTree(new Int32Array(parents.length), parents);
          expect(tree.maxDepth).toBeLessThanOrEqual(depth);
          const products = Array.from(tree.tokens.keys(), (node) =>
            tree.path(node).reduce((product, step) => {
              const place = tree.children(tree.parents[step]!).indexOf(step);
              return product * vector[place]!;
            }, 1),
          );
          expect(1 + products.reduce((sum, product) => sum + product, 0)).toBeCloseTo(expectedTokens, 12);
          if (parents.length === size)
            expect(expectedTokens).toBeCloseTo(byDynamicProgram(vector, size, depth), 12);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is numbered level by level', () => {
    const { parents } = sequoiaTree([0.6, 0.2, 0.1], 30);
    expect(parents).toHaveLength(30);
    const { depths } = new TokenTree(new Int32Array(30), parents);
    expect([...depths].sort((one, other) => one - other)).toEqual([...depths]);
    expect([...parents].sort((one, other) => one - other)).toEqual(parents);
  });

  it('is as deep as it pays, and empty where drafting never does', () => {
    const targetMs = Array.from({ length: 9 }, (_, numNodes) => 10 + numNodes);
    const cheap = cheapestSequoiaTree([0.8, 0.1], { draftLevelMs: 0.1, targetMs });
    const dear = cheapestSequoiaTree([0.8, 0.1], { draftLevelMs: 5, targetMs });
    const depthOf = (parents: readonly number[]) =>
      new TokenTree(new Int32Array(parents.length), parents).maxDepth;
    expect(depthOf(cheap.parents)).toBeGreaterThan(depthOf(dear.parents));
    expect(cheapestSequoiaTree([0.8], { draftLevelMs: 50, targetMs }).parents).toEqual([]);
  });
});
