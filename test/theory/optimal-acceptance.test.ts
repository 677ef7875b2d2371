import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { totalVariation } from '../../src/sampling/residual.js';
import { optimalWithoutReplacement, optimalWithReplacement } from '../../src/theory/optimal-acceptance.js';
import { distribution } from '../helpers/arbitraries.js';
import { drawSiblings } from '../helpers/enumerate-drafts.js';

const size = 4;

/** `1 + min over all H of p(H) - Q(H)`, Q(H) by listing every draw. */
function bySubsets(
  p: Distribution,
  q: Distribution,
  count: number,
  draws: 'withReplacement' | 'withoutReplacement',
): number {
  const siblings = drawSiblings(q, count, draws);
  let best = 0;
  for (let subset = 0; subset < 2 ** size; subset++) {
    const holds = (token: number): boolean => (subset & (1 << token)) !== 0;
    const target = [0, 1, 2, 3].reduce((sum, token) => sum + (holds(token) ? probabilityOf(p, token) : 0), 0);
    const inside = siblings.reduce(
      (sum, { tokens, probability }) => sum + (tokens.every(holds) ? probability : 0),
      0,
    );
    best = Math.min(best, target - inside);
  }
  return 1 + best;
}

describe('the optimal acceptance', () => {
  it('by prefixes is the one by all subsets', () => {
    fc.assert(
      fc.property(distribution(size), distribution(size), fc.integer({ min: 1, max: 3 }), (p, q, count) => {
        const iid = bySubsets(p, q, count, 'withReplacement');
        expect(optimalWithReplacement(p, q, [count])[0]).toBeCloseTo(iid, 12);
        if (count > q.ids.length) return;
        const without = bySubsets(p, q, count, 'withoutReplacement');
        expect(optimalWithoutReplacement(p, q, count).at(-1)).toBeCloseTo(without, 6);
      }),
      { numRuns: 60 },
    );
  });

  it('of one token is the overlap', () => {
    fc.assert(
      fc.property(distribution(size), distribution(size), (p, q) => {
        expect(optimalWithReplacement(p, q, [1])[0]).toBeCloseTo(1 - totalVariation(p, q), 12);
      }),
    );
  });
});
