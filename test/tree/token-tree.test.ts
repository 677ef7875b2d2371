import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { ROOT, TokenTree } from '../../src/tree/token-tree.js';
import { unit } from '../helpers/arbitraries.js';

/** Trees of up to ten nodes whose parents are random earlier nodes. */
const trees = fc.array(unit, { maxLength: 10 }).map((places) => {
  const parents = places.map((place, node) => Math.floor(place * (node + 1)) - 1);
  return new TokenTree(
    places.map((_, node) => 100 + node),
    parents,
  );
});

describe('TokenTree', () => {
  //   root -> 0 -> 2 -> 4
  //        -> 1 -> 3
  const tree = new TokenTree([10, 11, 12, 13, 14], [ROOT, ROOT, 0, 1, 2]);

  it('counts nodes and depths', () => {
    expect(tree.numNodes).toBe(5);
    expect(Array.from(tree.depths)).toEqual([1, 1, 2, 2, 3]);
    expect(tree.maxDepth).toBe(3);
  });

  it('lists children in drawing order, those of the root for -1', () => {
    expect(tree.children(ROOT)).toEqual([0, 1]);
    expect(tree.children(2)).toEqual([4]);
    expect(tree.children(4)).toEqual([]);
  });

  it("walks from the root's child down to a node", () => {
    expect(tree.path(4)).toEqual([0, 2, 4]);
    expect(tree.path(ROOT)).toEqual([]);
  });

  it('is no chain when a node has two children', () => {
    expect(tree.isChain).toBe(false);
  });

  it('makes chains, the empty one included', () => {
    const chain = TokenTree.chain([7, 8, 9]);
    expect(Array.from(chain.parents)).toEqual([ROOT, 0, 1]);
    expect(chain.isChain).toBe(true);
    expect(TokenTree.chain([])).toMatchObject({ numNodes: 0, maxDepth: 0, isChain: true });
  });

  it('copies what it is given', () => {
    const tokens = Int32Array.of(1);
    const copy = new TokenTree(tokens, [ROOT]);
    tokens[0] = 2;
    expect(copy.tokens[0]).toBe(1);
  });

  it('refuses tokens and parents of different length', () => {
    expect(() => new TokenTree([1, 2], [ROOT])).toThrow(ShapeError);
  });

  it.each([[[0]], [[1, ROOT]], [[-2]], [[NaN]]])('refuses the parents %j', (parents) => {
    expect(() => new TokenTree(parents, parents)).toThrow(ShapeError);
  });

  it('names every node exactly once among the children', () => {
    fc.assert(
      fc.property(trees, (any) => {
        const nodes = [ROOT, ...any.tokens.keys()].flatMap((node) => any.children(node));
        expect(nodes.sort((one, other) => one - other)).toEqual([...any.tokens.keys()]);
      }),
    );
  });

  it('has paths as long as the depths', () => {
    fc.assert(
      fc.property(trees, (any) => {
        for (const node of any.tokens.keys()) expect(any.path(node)).toHaveLength(any.depths[node]!);
      }),
    );
  });
});
