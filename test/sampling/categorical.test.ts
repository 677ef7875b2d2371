import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sample } from '../../src/sampling/categorical.js';
import { probabilityOf } from '../../src/sampling/distribution.js';
import { distribution, unit } from '../helpers/arbitraries.js';
import { dense } from '../helpers/table-model.js';

const belowOne = 1 - 2 ** -53;

describe('sample', () => {
  it('walks the support in token-id order', () => {
    const law = dense(0.25, 0, 0.5, 0.25);
    expect([0, 0.2, 0.25, 0.7, 0.75, belowOne].map((uniform) => sample(law, uniform))).toEqual([
      0, 0, 2, 2, 3, 3,
    ]);
  });

  it('never returns a token of probability 0', () => {
    fc.assert(
      fc.property(distribution(6), unit, (law, uniform) => {
        expect(probabilityOf(law, sample(law, uniform))).toBeGreaterThan(0);
      }),
    );
  });

  it('passes over listed tokens of probability 0, at both ends', () => {
    const law = { ids: Int32Array.of(1, 2, 3), probs: Float64Array.of(0, 1, 0) };
    expect([sample(law, 0), sample(law, belowOne)]).toEqual([2, 2]);
  });

  it('samples weights in proportion to their sum', () => {
    const weights = { ids: Int32Array.of(4, 7), probs: Float64Array.of(0.03, 0.01) };
    expect([sample(weights, 0.74), sample(weights, 0.76)]).toEqual([4, 7]);
  });

  it('returns the last token of positive weight when rounding lets the walk run out', () => {
    const law = { ids: Int32Array.of(3, 8, 9), probs: Float64Array.of(0.5, 0.5, 0) };
    expect(sample(law, 1)).toBe(8);
  });

  it('refuses a distribution without mass', () => {
    expect(() => sample({ ids: new Int32Array(), probs: new Float64Array() }, 0)).toThrow(RangeError);
  });
});
