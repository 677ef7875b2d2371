import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { probabilityOf } from '../../src/sampling/distribution.js';
import { totalVariation } from '../../src/sampling/residual.js';
import { expectedRejections } from '../../src/theory/expected-rejections.js';
import { distribution, unit } from '../helpers/arbitraries.js';
import { enumerateChains } from '../helpers/enumerate-drafts.js';
import { after, enumerateDecoding } from '../helpers/enumerate-decoding.js';
import { rejection } from '../helpers/rules.js';
import { randomModel } from '../helpers/table-model.js';

describe('expected rejections', () => {
  it.each([
    [1, 2, 4],
    [2, 3, 3],
    [3, 3, 3],
  ])(
    'are those of every text that rejection writes, seed %i, %i tokens, %i long',
    (seed, size, numTokens) => {
      const [target, draft] = [randomModel(seed, size, 0.2), randomModel(seed + 500, size, 0.2)];
      const drafts = (history: readonly number[]) =>
        enumerateChains(after(draft, history), numTokens - history.length);
      const { rejections } = enumerateDecoding(rejection, target, drafts, numTokens);
      expect(expectedRejections(target.next, draft.next, numTokens)).toBeCloseTo(rejections, 12);
    },
  );

  it('of one token are the total variation, which no acceptance that keeps the law undercuts', () => {
    fc.assert(
      fc.property(
        distribution(4),
        distribution(4),
        fc.array(unit, { minLength: 4, maxLength: 4 }),
        (p, q, shares) => {
          const least = expectedRejections(
            () => p,
            () => q,
            1,
          );
          expect(least).toBeCloseTo(totalVariation(p, q), 12);
          // Any b with b q <= p.
          const accepted = q.ids.reduce((sum, token, index) => {
            const most = Math.min(q.probs[index]!, probabilityOf(p, token));
            return sum + shares[token]! * most;
          }, 0);
          expect(1 - accepted).toBeGreaterThanOrEqual(least - 1e-12);
        },
      ),
    );
  });

  it('are none between equal laws, and all between disjoint ones', () => {
    const model = randomModel(7, 3);
    expect(expectedRejections(model.next, model.next, 4)).toBe(0);
    const one = { ids: Int32Array.of(0), probs: Float64Array.of(1) };
    const other = { ids: Int32Array.of(1), probs: Float64Array.of(1) };
    expect(
      expectedRejections(
        () => one,
        () => other,
        5,
      ),
    ).toBe(5);
  });
});
