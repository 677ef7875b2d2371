import { describe, expect, it } from 'vitest';
import { SizeChange } from '../../src/cost/size-change.js';

describe('a change of the size of batches', () => {
  it('counts from a fifth of a plain token on', () => {
    expect(new SizeChange(0.5).counts(2)).toBe(true);
    expect(new SizeChange(0.3).counts(2)).toBe(false);
    expect(new SizeChange().counts(2)).toBe(false);
    expect(new SizeChange(9).counts(undefined)).toBe(false);
  });

  it('has to be made up for by the rounds that follow', () => {
    expect(new SizeChange(8).share(5)).toBeCloseTo(0.1);
    expect(new SizeChange().share(5)).toBe(0);
  });

  it('is made twice for a try: there and back', () => {
    expect(new SizeChange(9).tokensPerTry(2)).toBe(9);
  });

  it('makes tries so rare that they cost two percent of the time', () => {
    // 18 ms in 900 ms, which are 200 rounds.
    expect(new SizeChange(9).patience(4.5, 20)).toBeCloseTo(10);
    expect(new SizeChange(0.01).patience(4.5, 20)).toBe(1);
    expect(new SizeChange().patience(4.5, 20)).toBe(1);
  });
});
