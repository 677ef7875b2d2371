import { describe, expect, it } from 'vitest';
import {
  chooseAnchors,
  jaccard,
  layerOverlap,
  meanChannelShares,
  meanSkipped,
  medianShares,
} from '../../src/sparse/calibration.js';
import type { BlockChoice } from '../../src/sparse/plan.js';
import { FixedSparsePolicy, attentionBudget } from '../../src/sparse/policy.js';

const choice = (layer: number, ...blocks: number[]): BlockChoice => ({
  layer,
  blocks: Int32Array.from(blocks),
  scores: new Float32Array(),
});

describe('jaccard', () => {
  it.each([
    [[1, 2, 3], [1, 2, 3], 1],
    [[1, 2, 3], [4, 5], 0],
    [[1, 2, 3], [2, 3, 4], 0.5],
    [[], [], 1],
    [[], [1], 0],
  ])('of %j and %j is %d', (one, other, expected) => {
    expect(jaccard(Int32Array.from(one), Int32Array.from(other))).toBe(expected);
  });
});

describe('anchors', () => {
  it('are the layers that are unlike the anchor before, not unlike their neighbour', () => {
    const overlap = layerOverlap([
      [choice(0, 1, 2), choice(1, 1, 2), choice(3, 1, 3), choice(4, 3, 4), choice(5, 3, 4)],
      [choice(0, 1, 2), choice(1, 1, 2), choice(3, 1, 2), choice(4, 3, 4), choice(5, 3, 5)],
    ]);
    expect(overlap.layers).toEqual([0, 1, 3, 4, 5]);
    expect(overlap.similarity[0]![1]).toBe(1);
    expect(overlap.similarity[0]![2]).toBeCloseTo((1 / 3 + 1) / 2);
    expect(overlap.similarity[3]![4]).toBeCloseTo((1 + 1 / 3) / 2);
    expect(chooseAnchors(overlap, 0.6, 1)).toEqual([0, 4]);
    expect(chooseAnchors(overlap, 0.7, 1)).toEqual([0, 3, 4, 5]);
    expect(chooseAnchors(overlap, 0.6, 2)).toEqual([0, 1, 4]);
    expect(chooseAnchors({ layers: [], similarity: [] }, 0.6, 2)).toEqual([]);
  });

  it('follow a slow drift', () => {
    const similarity = [
      [1, 0.8, 0.5],
      [0.8, 1, 0.8],
      [0.5, 0.8, 1],
    ];
    expect(chooseAnchors({ layers: [0, 1, 2], similarity }, 0.7, 1)).toEqual([0, 2]);
  });
});

describe('median shares', () => {
  it('are those of half of the tokens, layer by layer', () => {
    const shares = (layer: number, ...values: number[]) => ({
      layer,
      numUsed: 3,
      shares: Float32Array.from(values),
    });
    const batches = [[shares(1, 0.125, 0.25, 0.25, 0.5), shares(2, 0, 0, 0, 0)], [shares(1, 0.375, 0.75)]];
    expect(medianShares(batches, 3, 2)).toEqual([
      [0, 0],
      [0.25, 0.5],
      [0, 0],
    ]);
  });
});

describe('skipped experts', () => {
  it('are the most for which the lightest of a token are below the limit, on average', () => {
    const shares = Float32Array.from([0.125, 0.25, 0.0625, 0.5, 0.25, 0.25, 0.25, 0.5]);
    const batches = [[{ layer: 1, numUsed: 3, shares }]];
    // Two by the second share, one by the first, two again though the first is above its limit, none.
    expect(meanSkipped(batches, [[], [0.2, 0.375]])).toBe(5 / 4);
    expect(meanSkipped(batches, [[], [0.2]])).toBe(2 / 4);
    expect(meanSkipped([], [[]])).toBe(0);
  });
});

describe('channel shares', () => {
  it('are means over batches', () => {
    const entry = (share: number) => ({ layer: 2, perToken: [share], perBatch: [share / 2], perBlocks: [0] });
    expect(meanChannelShares([[entry(1)], [entry(0.5)]])).toEqual([
      { layer: 2, perToken: [0.75], perBatch: [0.375], perBlocks: [0] },
    ]);
    expect(meanChannelShares([])).toEqual([]);
  });
});

describe('the budget of sparse attention', () => {
  it.each([
    [100, 1000, 0.5, 100],
    [1000, 1000, 0.5, 1000],
    [1001, 1000, 0.5, 1000],
    [1003, 1000, 0.5, 1001],
    [5000, 1000, 0, 1000],
    [5000, 1000, 0.25, 2000],
    [5000, 1000, 1, 5000],
  ])('of %i tokens, dense up to %i and a share of %d beyond, is %i', (length, tokens, ratio, budget) => {
    expect(attentionBudget(length, tokens, ratio)).toBe(budget);
  });

  it('is asked for batches of several tokens beyond the dense length', () => {
    const attention = { tokens: 1000, anchors: [0, 2] };
    const policy = new FixedSparsePolicy({ attention });
    expect(policy.plan({ contextLength: 1000, numTokens: 8 })).toBeUndefined();
    expect(policy.plan({ contextLength: 1001, numTokens: 1 })).toBeUndefined();
    expect(policy.plan({ contextLength: 1001, numTokens: 2 })).toEqual({
      attention: { budget: 1000, blockSize: 4, sinkTokens: 16, localTokens: 128, anchors: [0, 2] },
    });
    const drafting = new FixedSparsePolicy({ attention, isPlainThinned: true });
    expect(drafting.plan({ contextLength: 1001, numTokens: 1 })).toBeDefined();
  });

  it('does not bear on experts', () => {
    const experts = { skipped: 1 };
    const policy = new FixedSparsePolicy({ attention: { tokens: 1000 }, experts });
    expect(policy.plan({ contextLength: 10, numTokens: 8 })).toEqual({ experts });
    expect(policy.plan({ contextLength: 10, numTokens: 1 })).toBeUndefined();
  });
});
