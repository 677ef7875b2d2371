import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import {
  overlap,
  residual,
  residualWeights,
  sampleResidual,
  totalVariation,
} from '../../src/sampling/residual.js';
import { distribution, unit } from '../helpers/arbitraries.js';
import { dense } from '../helpers/table-model.js';

const vocabSize = 6;
const tokens = Array.from({ length: vocabSize }, (_, token) => token);
const pair = [distribution(vocabSize), distribution(vocabSize)] as const;

function check(predicate: (target: Distribution, draft: Distribution) => void): void {
  fc.assert(fc.property(...pair, (target, draft) => void predicate(target, draft)));
}

describe('residual', () => {
  it('is the positive part of target minus draft, normalised', () => {
    const { distribution: law, mass } = residual(dense(0.2, 0.5, 0.3), dense(0.5, 0.25, 0.25));
    expect(Array.from(law.ids)).toEqual([1, 2]);
    expect(law.probs[0]).toBeCloseTo(0.25 / 0.3, 15);
    expect(law.probs[1]).toBeCloseTo(0.05 / 0.3, 15);
    expect(mass).toBeCloseTo(0.3, 15);
  });

  it('agrees with the dense formula at any scale', () => {
    fc.assert(
      fc.property(...pair, unit, (target, draft, scale) => {
        const positive = tokens.map((token) =>
          Math.max(0, scale * probabilityOf(target, token) - probabilityOf(draft, token)),
        );
        const { weights, mass } = residualWeights(target, draft, scale);
        expect(tokens.map((token) => probabilityOf(weights, token))).toEqual(positive);
        expect(mass).toBeCloseTo(
          positive.reduce((sum, value) => sum + value, 0),
          14,
        );
      }),
    );
  });

  it('sums to 1 over positive entries', () => {
    check((target, draft) => {
      const { probs } = residual(target, draft).distribution;
      expect(probs.reduce((sum, prob) => sum + prob, 0)).toBeCloseTo(1, 12);
      expect(probs.every((prob) => prob > 0)).toBe(true);
    });
  });

  it('makes up the target together with the overlap', () => {
    check((target, draft) => {
      const { distribution: law, mass } = residual(target, draft);
      for (const token of tokens) {
        const shared = Math.min(probabilityOf(target, token), probabilityOf(draft, token));
        expect(shared + mass * probabilityOf(law, token)).toBeCloseTo(probabilityOf(target, token), 12);
      }
    });
  });

  it('is the target, with mass 0, where nothing is left', () => {
    const law = dense(0.5, 0.5);
    expect(residual(law, law)).toEqual({ distribution: law, mass: 0 });
  });

  it('is the target where the supports are disjoint', () => {
    const target = dense(0.25, 0.75, 0);
    expect(residual(target, dense(0, 0, 1))).toEqual({ distribution: target, mass: 1 });
  });
});

describe('sampleResidual', () => {
  it('draws from the residual', () => {
    const target = dense(0.2, 0.5, 0.3);
    const draft = dense(0.5, 0.25, 0.25);
    expect([0, 0.83, 0.84].map((uniform) => sampleResidual(target, draft, 1, uniform))).toEqual([1, 1, 2]);
  });

  it('draws from the target where the residual has no mass', () => {
    const law = dense(0.5, 0.5);
    expect([0.4, 0.6].map((uniform) => sampleResidual(law, law, 1, uniform))).toEqual([0, 1]);
  });
});

describe('totalVariation', () => {
  it('is one minus the overlap', () => {
    check((target, draft) =>
      expect(totalVariation(target, draft) + overlap(target, draft)).toBeCloseTo(1, 12),
    );
  });

  it('is symmetric', () => {
    check((target, draft) =>
      expect(totalVariation(target, draft)).toBeCloseTo(totalVariation(draft, target), 12),
    );
  });

  it('is 0 for equal laws and 1 for disjoint ones', () => {
    const law = dense(0.5, 0.5, 0);
    expect([totalVariation(law, law), totalVariation(law, dense(0, 0, 1))]).toEqual([0, 1]);
  });
});
