// Bounds that hold whatever the laws: width, divergence, distance from a truth, spread over tasks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entropy } from '../../src/sampling/entropy.js';
import { overlap, totalVariation } from '../../src/sampling/residual.js';
import { acceptanceBounds, disparity } from '../../src/theory/disparity.js';
import { divergence, leastAcceptance, meanDivergence } from '../../src/theory/divergence.js';
import { widthBound } from '../../src/theory/width-bound.js';
import { distribution } from '../helpers/arbitraries.js';
import { dense } from '../helpers/table-model.js';

describe('divergence', () => {
  it('is 0 between equal laws, infinite outside the draft, ln 2 of one of two', () => {
    const law = dense(0.25, 0.75);
    expect(divergence(law, law)).toBe(0);
    expect(divergence(law, dense(1, 0))).toBe(Infinity);
    expect(divergence(dense(1, 0), dense(0.5, 0.5))).toBeCloseTo(Math.LN2, 14);
  });

  it('has a mean that is infinite where one is, which leaves no acceptance', () => {
    expect(meanDivergence([1, 2])).toBe(1.5);
    expect(meanDivergence([1, Infinity, Infinity])).toBe(Infinity);
    expect(leastAcceptance(Infinity)).toBe(0);
  });

  it('leaves an acceptance of at least 1 - sqrt(KL / 2)', () => {
    fc.assert(
      fc.property(distribution(4), distribution(4), (p, q) => {
        expect(overlap(p, q)).toBeGreaterThanOrEqual(leastAcceptance(divergence(p, q)) - 1e-12);
      }),
    );
  });
});

describe('acceptance', () => {
  it('lies between the bounds of the distances from any truth', () => {
    fc.assert(
      fc.property(distribution(4), distribution(4), distribution(4), (p, q, truth) => {
        const { least, most } = acceptanceBounds(totalVariation(p, truth), totalVariation(q, truth));
        expect(overlap(p, q)).toBeGreaterThanOrEqual(least - 1e-12);
        expect(overlap(p, q)).toBeLessThanOrEqual(most + 1e-12);
      }),
    );
  });

  it('is pinned where one model is the truth', () => {
    expect(acceptanceBounds(0, 0.3)).toEqual({ least: 0.7, most: 0.7 });
  });
});

describe('disparity', () => {
  it('of equal tasks is none', () => {
    expect(disparity([2, 2, 2])).toEqual({ minMaxRatio: 1, variance: 0, gini: 0 });
  });

  it('of unequal ones is known', () => {
    const { minMaxRatio, variance, gini } = disparity([1, 3]);
    expect([minMaxRatio, variance, gini]).toEqual([1 / 3, 1, 0.25]);
  });
});

describe('the bound on width', () => {
  it('grows by the logarithm of the batch', () => {
    const step = widthBound(1.5, 3, 8) - widthBound(1.5, 3, 4);
    expect(widthBound(1.5, 3, 16) - widthBound(1.5, 3, 8)).toBeCloseTo(step, 12);
    expect(widthBound(1.5, 3, 1)).toBe(0);
  });

  it('is above what the best tree brings of uniform tokens', () => {
    // Of 2^d nodes at depth d each is reached with 2^-d: a full tree of P nodes brings log2(P + 1) of depth at most.
    const mu = entropy([0.5, 0.5]);
    for (const depth of [2, 4, 8, 12])
      expect(widthBound(mu, mu ** 2, 2 ** (depth + 1) - 1)).toBeGreaterThanOrEqual(depth);
  });
});
