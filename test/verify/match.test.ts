import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, oneHot } from '../../src/sampling/distribution.js';
import { ROOT, TokenTree } from '../../src/tree/token-tree.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { seed, unit } from '../helpers/arbitraries.js';
import { targetRows } from '../helpers/enumerate-round.js';
import { randomModel } from '../helpers/table-model.js';

const verifier = new MatchVerifier();

describe('match', () => {
  it('emits the tokens that plain decoding samples with the same uniforms, on any tree', () => {
    const nodes = fc.array(fc.tuple(fc.nat(2), unit), { maxLength: 8 });
    fc.assert(
      fc.property(
        nodes,
        seed,
        fc.array(unit, { minLength: 9, maxLength: 9 }),
        (drawn, modelSeed, uniforms) => {
          const model = randomModel(modelSeed, 3, 0.2);
          const tree = new TokenTree(
            drawn.map(([token]) => token),
            drawn.map(([, place], node) => Math.floor(place * (node + 1)) - 1),
          );
          const { acceptedNodes, nextToken } = verifier.verify({
            tree,
            targetProbs: targetRows(tree, (history) => model.next(history)),
            uniforms: {
              accept: new Float64Array(tree.numNodes),
              sample: Float64Array.from(uniforms.slice(0, tree.maxDepth + 1)),
            },
          });
          const plain: number[] = [];
          for (let depth = 0; depth <= acceptedNodes.length; depth++) {
            plain.push(sample(model.next(plain), uniforms[depth]!));
          }
          expect([...acceptedNodes.map((node) => tree.tokens[node]), nextToken]).toEqual(plain);
        },
      ),
    );
  });

  it('follows the first of two siblings that hold the same token', () => {
    const tree = new TokenTree([5, 5], [ROOT, ROOT]);
    const { acceptedNodes } = verifier.verify({
      tree,
      targetProbs: new ArrayRows([oneHot(5), oneHot(6), oneHot(7)]),
      uniforms: { accept: new Float64Array(2), sample: new Float64Array(2) },
    });
    expect(acceptedNodes).toEqual([0]);
  });

  it('finds the longest greedy match when the target is one-hot', () => {
    const tree = new TokenTree([1, 2, 3, 4], [ROOT, ROOT, 1, 2]);
    const verdict = verifier.verify({
      tree,
      targetProbs: new ArrayRows([oneHot(2), oneHot(9), oneHot(3), oneHot(8), oneHot(7)]),
      uniforms: { accept: new Float64Array(4), sample: new Float64Array(4) },
    });
    expect(verdict).toEqual({ acceptedNodes: [1, 2], nextToken: 8, nextTokenKind: 'recovered' });
  });
});
