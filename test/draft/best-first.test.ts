import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { growBestFirst, type NextToken } from '../../src/draft/best-first.js';
import { sequoiaTree } from '../../src/tree/static-trees.js';

const ranked = (rates: readonly number[]) => (): NextToken[] =>
  rates.map((confidence, token) => ({ token, confidence }));

describe('growing a tree best first', () => {
  it('gives the tree that is best for fixed positional acceptance', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 0.33, noNaN: true }), { minLength: 1, maxLength: 3 }),
        fc.nat(20),
        (rates, numNodes) => {
          const falling = rates.sort((one, other) => other - one);
          const { tree, confidences } = growBestFirst(numNodes, 0, ranked(falling));
          let expectedTokens = 1;
          for (let node = 0; node < tree.numNodes; node++)
            expectedTokens += tree.path(node).reduce((product, each) => product * confidences[each]!, 1);
          expect(tree.numNodes).toBe(numNodes);
          expect(expectedTokens).toBeCloseTo(sequoiaTree(falling, numNodes).expectedTokens, 12);
        },
      ),
    );
  });

  it('takes the earlier of two nodes that are equally likely', () => {
    const { tree } = growBestFirst(2, 0, ranked([0.5, 0.5]));
    expect(Array.from(tree.tokens)).toEqual([0, 1]);
  });

  it('leaves out paths that are less likely than the least one', () => {
    const { tree } = growBestFirst(20, 0.2, ranked([0.5, 0.1]));
    expect(Array.from(tree.depths)).toEqual([1, 2]);
  });

  it('tells which path it asks about, and how likely its next token must be', () => {
    const asked: [readonly number[], number][] = [];
    growBestFirst(3, 0.1, (path, least) => {
      asked.push([path, least]);
      return [{ token: path.length, confidence: 0.5 }];
    });
    expect(asked).toEqual([
      [[], 0.1],
      [[0], 0.2],
      [[0, 1], 0.4],
    ]);
  });

  it('is empty without a budget', () => {
    expect(growBestFirst(0, 0, ranked([1])).tree.numNodes).toBe(0);
  });
});
