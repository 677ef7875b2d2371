import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entropy, entropyBounds, isEntropyAtMost } from '../../src/sampling/entropy.js';

/** Laws from even to all but one-hot, likeliest first. */
const laws = fc
  .tuple(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 90 }), fc.nat(40))
  .map(([values, sharpness]) => {
    const weights = values.map((value) => Math.exp(sharpness * value)).sort((one, other) => other - one);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  });

describe('entropy', () => {
  it('is 0 where one token has all mass, and its largest, ln n, where n tokens have the same', () => {
    expect(entropy([0, 1, 0])).toBe(0);
    expect(entropy(new Array<number>(320).fill(1 / 320))).toBeCloseTo(Math.log(320), 12);
  });

  it('of 1/2, 1/4, 1/4 is 1.5 bits', () => {
    expect(entropy([0.5, 0.25, 0.25]) / Math.LN2).toBeCloseTo(1.5, 14);
  });
});

describe('entropyBounds', () => {
  it('hold the entropy between them, whatever is known of the likeliest tokens', () => {
    fc.assert(
      fc.property(laws, fc.nat(), (law, choice) => {
        const numKnown = 1 + (choice % law.length);
        const { least, most } = entropyBounds(law.slice(0, numKnown).map(Math.log), law.length);
        expect(least).toBeLessThanOrEqual(entropy(law) + 1e-9);
        expect(most).toBeGreaterThanOrEqual(entropy(law) - 1e-9);
      }),
    );
  });

  it('meet where all tokens are known', () => {
    const { least, most } = entropyBounds([0.7, 0.2, 0.1].map(Math.log), 3);
    expect(most).toBe(least);
    expect(most).toBeCloseTo(entropy([0.7, 0.2, 0.1]), 14);
  });

  it('are told by the tail alone: even at most, in lumps of the last known probability at least', () => {
    const { least, most } = entropyBounds([0.5, 0.2].map(Math.log), 12);
    expect(most).toBeCloseTo(entropy([0.5, 0.2, ...new Array<number>(10).fill(0.03)]), 12);
    expect(least).toBeCloseTo(entropy([0.5, 0.2]) - 0.3 * Math.log(0.2), 12);
  });
});

describe('isEntropyAtMost', () => {
  it('decides as the whole distribution does', () => {
    fc.assert(
      fc.property(laws, fc.double({ min: 0, max: 5, noNaN: true }), (law, limit) => {
        fc.pre(Math.abs(entropy(law) - limit) > 1e-9);
        const decided = isEntropyAtMost(limit, law.length, (count) => law.slice(0, count).map(Math.log));
        expect(decided).toBe(entropy(law) <= limit);
      }),
    );
  });

  it('takes tokens without probability for what they are', () => {
    expect(isEntropyAtMost(0.1, 3, (count) => [0, -Infinity, -Infinity].slice(0, count))).toBe(true);
  });

  it('looks at few tokens where these decide, and at all where they do not', () => {
    const looks: number[] = [];
    const even = new Array<number>(1000).fill(-Math.log(1000));
    const lookAt = (logprobs: readonly number[]) => (count: number) => {
      looks.push(count);
      return logprobs.slice(0, count);
    };
    const sure = [Math.log(0.999), ...new Array<number>(999).fill(Math.log(0.001 / 999))];
    expect(isEntropyAtMost(0.1, 1000, lookAt(sure))).toBe(true);
    expect(isEntropyAtMost(1, 1000, lookAt(even))).toBe(false);
    expect(looks).toEqual([32, 32]);
    const limit = Math.log(1000) + 1e-9;
    expect(isEntropyAtMost(limit - 0.5, 1000, lookAt(even))).toBe(false);
    expect(isEntropyAtMost(limit, 1000, lookAt(even))).toBe(true);
    expect(Math.max(...looks)).toBeLessThanOrEqual(1000);
  });
});
