import { mean, sampleStandardDeviation } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { estimateQuotient, estimateRatio } from '../../src/bench/ratio-estimate.js';
import { SeededRandom } from '../fixtures/seeded-random.js';

describe('the ratio of two sums', () => {
  it('has the interval of a mean where all runs weigh the same', () => {
    const values = [1, 2, 4, 9];
    const { value, halfWidth } = estimateRatio(values.map((over) => ({ over, under: 1 })));
    expect(value).toBe(4);
    expect(halfWidth).toBeCloseTo((1.96 * sampleStandardDeviation(values)) / 2, 12);
  });

  it('is sure where all runs have it, and has no interval of a single one', () => {
    const same = [1, 2, 3].map((under) => ({ over: 2 * under, under }));
    expect(estimateRatio(same)).toEqual({ value: 2, halfWidth: 0 });
    expect(estimateRatio(same.slice(0, 1)).halfWidth).toBeNaN();
  });

  it('lies in its interval in 95 of 100 samples', () => {
    const random = new SeededRandom(1, 'ratios');
    const hits = Array.from({ length: 600 }, () => {
      const parts = Array.from({ length: 30 }, () => {
        const under = 1 + random.uniform();
        return { over: under * (2 + random.normal()), under };
      });
      const { value, halfWidth } = estimateRatio(parts);
      return Number(Math.abs(value - 2) <= halfWidth);
    });
    expect(mean(hits)).toBeGreaterThan(0.91);
    expect(mean(hits)).toBeLessThan(0.98);
  });
});

describe('the quotient of two ratios', () => {
  it('does not see what slows both', () => {
    const plain = [1, 5, 2].map((slow) => ({ over: 10 * slow, under: 10 }));
    const fast = [1, 5, 2].map((slow) => ({ over: 4 * slow, under: 10 }));
    const { value, halfWidth } = estimateQuotient(plain, fast);
    expect(value).toBeCloseTo(2.5, 12);
    expect(halfWidth).toBeCloseTo(0, 12);
  });

  it('lies in its interval in 95 of 100 samples', () => {
    const random = new SeededRandom(2, 'quotients');
    const run = (ms: number) => ({ over: ms * (1 + 0.2 * random.normal()), under: 1 });
    const hits = Array.from({ length: 600 }, () => {
      const [plain, fast] = [10, 5].map((ms) => Array.from({ length: 30 }, () => run(ms)));
      const { value, halfWidth } = estimateQuotient(plain!, fast!);
      return Number(Math.abs(value - 2) <= halfWidth);
    });
    expect(mean(hits)).toBeGreaterThan(0.91);
    expect(mean(hits)).toBeLessThan(0.98);
  });
});
