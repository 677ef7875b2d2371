import { describe, expect, it } from 'vitest';
import { bestDraftSize, predictedSpeedup } from '../../src/theory/best-draft.js';
import { expectedChainTokens, expectedTokensBySurvival } from '../../src/theory/expected-tokens.js';
import { cheapestSequoiaTree, sequoiaTree } from '../../src/tree/static-trees.js';

/** A draft token costs `share` of a plain one, a batch as much as one. */
const leviathan = (acceptance: number, share: number) => ({
  plainMs: 10,
  roundMs: (numDraftTokens: number) => 10 * (share * numDraftTokens + 1),
  expectedTokens: (numDraftTokens: number) => expectedChainTokens(acceptance, numDraftTokens),
});

describe('expected tokens of a chain', () => {
  it('are (1 - a^(g+1)) / (1 - a)', () => {
    expect(expectedChainTokens(0.8, 4)).toBeCloseTo(3.3616, 12);
    expect([0, 1].map((acceptance) => expectedChainTokens(acceptance, 4))).toEqual([1, 5]);
  });

  it('are the same by survivals that fall geometrically', () => {
    const survival = [0.8, 0.64, 0.512, 0.4096];
    for (const length of [0, 1, 2, 3, 4])
      expect(expectedTokensBySurvival(survival, length)).toBeCloseTo(expectedChainTokens(0.8, length), 12);
  });
});

describe('the best draft', () => {
  it('has the speedup of the closed form', () => {
    expect(predictedSpeedup(leviathan(0.8, 0.05), 4)).toBeCloseTo(2.80133, 5);
    const { numDraftTokens, speedup } = bestDraftSize(leviathan(0.8, 0.05), 32);
    const all = Array.from({ length: 32 }, (_, index) => predictedSpeedup(leviathan(0.8, 0.05), index + 1));
    expect(speedup).toBe(Math.max(...all));
    expect(numDraftTokens).toBe(all.indexOf(speedup) + 1);
  });

  it('is none where drafting costs more than it brings, or the cost is unknown', () => {
    expect(bestDraftSize(leviathan(0.3, 0.9), 16)).toEqual({ numDraftTokens: 0, speedup: 1 });
    expect(bestDraftSize({ ...leviathan(0.9, 0.01), roundMs: () => undefined }, 16).numDraftTokens).toBe(0);
  });

  it('of trees is the one that the search over depths finds where depth costs nothing', () => {
    const acceptance = [0.6, 0.2, 0.1];
    const targetMs = Array.from({ length: 9 }, (_, numNodes) => 10 + 0.5 * numNodes);
    const found = cheapestSequoiaTree(acceptance, { draftLevelMs: 0, targetMs });
    const { numDraftTokens, speedup } = bestDraftSize(
      {
        plainMs: targetMs[0]!,
        roundMs: (numNodes) => targetMs[numNodes],
        expectedTokens: (numNodes) => sequoiaTree(acceptance, numNodes).expectedTokens,
      },
      8,
    );
    expect(numDraftTokens).toBe(found.parents.length);
    expect(speedup).toBeCloseTo((found.expectedTokens * 10) / targetMs[numDraftTokens]!, 12);
  });
});
