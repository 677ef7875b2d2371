import fc from 'fast-check';
import type { Distribution } from '../../src/sampling/distribution.js';
import { dense } from './table-model.js';

/** A uniform in [0, 1). */
export const unit: fc.Arbitrary<number> = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** A seed for the random models of table-model.ts. */
export const seed: fc.Arbitrary<number> = fc.integer({ min: 0, max: 1_000_000 });

/** A distribution over `vocabSize` tokens with at least one token in its support; zeros are common. */
export function distribution(vocabSize: number): fc.Arbitrary<Distribution> {
  const weight = fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1, noNaN: true }));
  return fc
    .array(weight, { minLength: vocabSize, maxLength: vocabSize })
    .filter((weights) => weights.some((value) => value > 0))
    .map((weights) => {
      const sum = weights.reduce((total, value) => total + value, 0);
      return dense(...weights.map((value) => value / sum));
    });
}
