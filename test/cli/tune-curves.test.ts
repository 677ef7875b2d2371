import { describe, expect, it } from 'vitest';
import { curveOf } from '../../src/cli/tune-curves.js';
import { ExpectedTokens } from '../../src/cost/expected-tokens.js';
import { RoundCost } from '../../src/cost/round-cost.js';
import type { AcceptedCounts } from '../../src/metrics/fading-rates.js';

const maxNodes = 8;

/** Batches of 10 ms whatever their size, and a millisecond for each draft token. */
function flatCost(sizeChangeMs = 0): RoundCost {
  const sizes = [1, 2, 4, 8];
  return new RoundCost({
    batches: [1, 3, 5, 9].map((numTokens) => ({ numTokens, contextLength: 0, ms: 10 })),
    drafts: sizes.map((numNodes) => ({ numNodes, ms: numNodes })),
    sizeChangeMs,
  });
}

/** What answers leave behind whose chains of all sizes were accepted up to so many tokens. */
function answersAccepting(numAccepted: number): AcceptedCounts {
  const tokens = new ExpectedTokens(maxNodes);
  const accepted = Array.from({ length: numAccepted }, (_, node) => node);
  for (let round = 0; round < 100; round++) tokens.observe(maxNodes, accepted, maxNodes);
  return tokens.toJSON();
}

const memory = { 'temperature 0': answersAccepting(4), 'temperature 1': answersAccepting(0) };
const basis = { cost: flatCost(), maxNodes, drafter: {}, memory };

describe('the plan of a pair', () => {
  it('is the size that brings most tokens for its time, or plain decoding', () => {
    const [greedy, sampled, ...others] = curveOf(basis, 0)!.pairPlans;
    expect(others).toEqual([]);
    expect(greedy).toMatchObject({ kind: 'temperature 0', draftTokens: 4 });
    expect(greedy!.tokens).toBeCloseTo(5, 0);
    expect(greedy!.speedup).toBeCloseTo((greedy!.tokens * 10) / 14, 1);
    expect(sampled).toEqual({ kind: 'temperature 1', draftTokens: 0, tokens: 1, speedup: 1 });
  });

  it('is the largest draft where that leaves away what is not worth its time, unless sizes are held', () => {
    const drafter = { isSelective: true };
    expect(curveOf({ ...basis, drafter }, 0)!.pairPlans[0]!.draftTokens).toBe(maxNodes);
    const holding = { ...basis, drafter, cost: flatCost(20) };
    expect(curveOf(holding, 0)!.pairPlans[0]!.draftTokens).toBe(4);
  });

  it('is not told by answers with drafts of another size, nor for drafts that cost next to nothing', () => {
    const other = { 'temperature 0': { tried: [0, 9], accepted: [0, 9] } };
    expect(curveOf({ ...basis, memory: other }, 0)!.pairPlans).toEqual([]);
    expect(curveOf({ ...basis, drafter: { isWeightless: true } }, 0)!.pairPlans).toEqual([]);
  });
});

it('a curve goes up to the largest draft', () => {
  const { rounds } = curveOf(basis, 0)!;
  expect(rounds.map(({ draftTokens }) => draftTokens)).toEqual([1, 2, 3, 4, 6, 8]);
  expect(curveOf({ ...basis, cost: new RoundCost() }, 0)).toBeUndefined();
});
