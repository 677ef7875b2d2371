import { describe, expect, it } from 'vitest';
import { ExpectedSpeeds } from '../../src/cost/expected-speed.js';
import { ExpectedTokens } from '../../src/cost/expected-tokens.js';
import { RoundCost } from '../../src/cost/round-cost.js';

const maxNodes = 12;
const [plainMs, msPerNode] = [50, 12];

function speedsOf(tokens = new ExpectedTokens(maxNodes), isSelective = false): ExpectedSpeeds {
  const batches = [1, 2, 5, 9, 13].map((numTokens) => ({
    numTokens,
    contextLength: 0,
    ms: plainMs + msPerNode * (numTokens - 1),
  }));
  const cost = new RoundCost({ batches, drafts: [{ numNodes: 1, ms: 0 }] });
  return new ExpectedSpeeds({ cost, tokens, maxNodes, isSelective }, 0);
}

describe('the speed of drafts that end early', () => {
  it('is that of what they had, or of the whole size where batches are filled up', () => {
    const tokens = new ExpectedTokens(maxNodes);
    for (let round = 0; round < 40; round++) tokens.observe(8, [], 2);
    const batches = [1, 13].map((numTokens) => ({
      numTokens,
      contextLength: 0,
      ms: plainMs + msPerNode * (numTokens - 1),
    }));
    const msOf = (fillsBatches: boolean): number => {
      const sizeChangeMs = fillsBatches ? plainMs : 0;
      const cost = new RoundCost({ batches, drafts: [{ numNodes: 1, ms: 0 }], sizeChangeMs });
      return new ExpectedSpeeds({ cost, tokens, maxNodes }, 0).of(8)!.ms;
    };
    expect(msOf(true)).toBeCloseTo(plainMs + 8 * msPerNode);
    expect(msOf(false)).toBeLessThan(plainMs + 5 * msPerNode);
  });

  it('speaks for the best size where batches are filled up, not for the largest', () => {
    const tokens = new ExpectedTokens(maxNodes);
    for (let round = 0; round < 40; round++) tokens.observe(maxNodes, [0, 1], 2);
    const batches = [1, 13].map((numTokens) => ({
      numTokens,
      contextLength: 0,
      ms: plainMs + numTokens - 1,
    }));
    const sizeOf = (sizeChangeMs: number): number => {
      const cost = new RoundCost({ batches, drafts: [{ numNodes: 1, ms: 0 }], sizeChangeMs });
      return new ExpectedSpeeds({ cost, tokens, maxNodes, isSelective: true }, 0).best()!.numNodes;
    };
    expect(sizeOf(0)).toBe(maxNodes);
    expect(sizeOf(plainMs)).toBe(3);
  });
});

describe('what a node has to bring', () => {
  it('makes tokens for the time the most, over rounds that are sure and rounds that are not', () => {
    const path = (rate: number, depth: number): number => rate ** (depth + 1);
    const rates = [0.9, 0.4];
    const tokensOf = (rate: number, numNodes: number): number =>
      Array.from({ length: numNodes }, (_, depth) => path(rate, depth)).reduce((sum, one) => sum + one, 1);
    const sizes = Array.from({ length: maxNodes + 1 }, (_, size) => size);
    const all = sizes.flatMap((first) =>
      sizes.map((second) => {
        const tokens = tokensOf(rates[0]!, first) + tokensOf(rates[1]!, second);
        return { first, second, speedup: (tokens * plainMs) / (2 * plainMs + msPerNode * (first + second)) };
      }),
    );
    const best = all.reduce((one, other) => (other.speedup > one.speedup ? other : one));
    const least = speedsOf().breakEven(best.speedup);
    const kept = rates.map((rate) => sizes.slice(1).filter((size) => path(rate, size - 1) >= least).length);
    expect(kept).toEqual([best.first, best.second]);
    expect(best.first).toBeGreaterThan(best.second + 3);
  });

  it('is what plain decoding takes where speculation brings less, and never too much', () => {
    expect(speedsOf().breakEven(0.5)).toBeCloseTo(msPerNode / plainMs, 10);
    expect(speedsOf().breakEven(100)).toBe(0.8);
  });

  it('counts what more of many nodes cost, where the first few cost next to nothing', () => {
    const batches = [1, 2, 5, 9, 13].map((numTokens) => ({
      numTokens,
      contextLength: 0,
      ms: plainMs + msPerNode * Math.max(0, numTokens - 5),
    }));
    const cost = new RoundCost({ batches, drafts: [{ numNodes: 1, ms: 0 }] });
    const speeds = new ExpectedSpeeds({ cost, tokens: new ExpectedTokens(maxNodes), maxNodes }, 0);
    expect(speeds.breakEven(1)).toBeCloseTo(msPerNode / plainMs, 10);
  });

  it('is left to drafts that know it: the largest that what is known speaks for is best', () => {
    const tokens = new ExpectedTokens(maxNodes);
    expect(speedsOf(tokens, true).best()!.numNodes).toBe(3);
    // Two of three tokens, however many are asked for.
    for (let round = 0; round < 3; round++) tokens.observe(3, [0, 1], 3);
    expect(speedsOf(tokens, true).best()!.numNodes).toBe(5);
    for (let round = 0; round < 100; round++) tokens.observe(maxNodes, [0, 1], 3);
    const best = speedsOf(tokens, true).best()!;
    expect(best.numNodes).toBe(maxNodes);
    expect(best.speedup).toBeCloseTo((3 * plainMs) / (plainMs + 3 * msPerNode), 1);
    for (let round = 0; round < 100; round++) tokens.observe(maxNodes, [0, 1], maxNodes);
    expect(speedsOf(tokens).best()!.numNodes).toBeLessThan(5);
  });

  it('costs what there is of a draft, not what was asked for', () => {
    const tokens = new ExpectedTokens(maxNodes);
    for (let round = 0; round < 300; round++) tokens.observe(8, [], 2);
    expect(speedsOf(tokens).of(8)!.ms).toBeCloseTo(plainMs + 2 * msPerNode, 0);
    expect(speedsOf(tokens).hopeful()!.ms).toBeGreaterThan(plainMs + msPerNode - 1);
    for (let round = 0; round < 300; round++) tokens.observe(8, [], 8);
    expect(speedsOf(tokens).of(8)!.ms).toBeCloseTo(plainMs + 8 * msPerNode, 0);
  });
});
