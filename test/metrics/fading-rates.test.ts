import { describe, expect, it } from 'vitest';
import { FadingRates } from '../../src/metrics/fading-rates.js';

describe('rates that fade', () => {
  it('are the prior until something was tried', () => {
    const rates = new FadingRates(2, { priorTries: 4, memory: 100 });
    rates.observe(0, true);
    expect(rates.rate(1, 0.3)).toBeCloseTo(0.3, 12);
    expect(rates.rate(0, 0.3)).toBeCloseTo((1 + 4 * 0.3) / 5, 12);
  });

  it('forget what is longer ago than their memory', () => {
    const rates = new FadingRates(1, { priorTries: 1, memory: 10 });
    for (let i = 0; i < 1000; i++) rates.observe(0, true);
    for (let i = 0; i < 10; i++) rates.observe(0, false);
    const kept = 10 * (10 / 11) ** 10;
    expect(rates.rate(0, 0)).toBeCloseTo(kept / 11, 9);
  });
});
