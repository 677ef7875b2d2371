import { describe, expect, it } from 'vitest';
import { median } from 'simple-statistics';
import { BatchCost } from '../../src/cost/batch-cost.js';
import { SizeCurve } from '../../src/cost/size-curve.js';
import { Purpose, uniform } from '../../src/sampling/random.js';

describe('a curve over sizes', () => {
  it('knows nothing before the first measurement, and then goes through medians', () => {
    const curve = new SizeCurve();
    expect(curve.predict(3)).toBeUndefined();
    curve.observe(2, 10);
    expect(curve.predict(5)).toBe(10);
    for (const ms of [10, 500, 11, 9]) curve.observe(2, ms);
    for (const ms of [30, 31, 29]) curve.observe(6, ms);
    expect([2, 4, 6, 8].map((size) => curve.predict(size))).toEqual([10, 20, 30, 40]);
    expect(curve.predict(1)).toBe(5);
    expect(curve.points).toEqual([
      [2, 10],
      [6, 30],
    ]);
  });

  it('follows what changes, and never falls beyond what was seen', () => {
    const curve = new SizeCurve();
    for (let call = 0; call < 9; call++) curve.observe(1, 100);
    for (let call = 0; call < 9; call++) curve.observe(1, 20);
    expect(curve.predict(1)).toBe(20);
    curve.observe(4, 15);
    expect(curve.predict(8)).toBe(15);
    expect(curve.predict(0)).toBe(20);
  });
});

describe('the cost of a batch', () => {
  const truth = (numTokens: number, contextLength: number): number =>
    [0, 50, 78, 100, 115, 130][Math.min(numTokens, 5)]! +
    Math.max(0, numTokens - 5) * 19 +
    (contextLength / 1000) * (4 + 3 * numTokens);
  const calibration = [1, 2, 3, 5, 9, 17, 33].map((numTokens) => ({
    numTokens,
    contextLength: 0,
    ms: truth(numTokens, 0),
  }));

  /** Rounds of a generation, with noise and accidents. */
  function learnt(sizes: readonly number[], lengths: readonly number[]): BatchCost {
    const cost = new BatchCost(calibration);
    lengths.forEach((contextLength, index) => {
      const numTokens = sizes[index % sizes.length]!;
      const noise = 1 + 0.2 * (uniform(3, Purpose.accept, index) - 0.5);
      const accident = index % 23 === 22 ? 8 : 1;
      cost.observe({ numTokens, contextLength, ms: truth(numTokens, contextLength) * noise * accident });
    });
    return cost;
  }

  it('is predicted at sizes and contexts that were not measured', () => {
    const lengths = Array.from({ length: 400 }, (_, index) => 10 * index);
    const cost = learnt([5, 5, 5, 1], lengths);
    const errors = [];
    for (const numTokens of [1, 2, 4, 6, 7, 8, 12, 20]) {
      for (const contextLength of [500, 2000, 6000, 8000]) {
        const predicted = cost.predict(numTokens, contextLength)!;
        errors.push(Math.abs(predicted / truth(numTokens, contextLength) - 1));
      }
    }
    expect(median(errors)).toBeLessThan(0.1);
    expect(Math.max(...errors)).toBeLessThan(0.25);
  });

  it('follows a machine that has become slower, and one that has recovered', () => {
    const cost = learnt(
      [5, 1],
      Array.from({ length: 100 }, () => 100),
    );
    const slowed = (factor: number): void => {
      for (let round = 0; round < 12; round++) {
        for (const numTokens of [1, 5]) {
          cost.observe({ numTokens, contextLength: 100, ms: factor * truth(numTokens, 100) });
        }
      }
    };
    slowed(5);
    expect(cost.predict(5, 100)! / truth(5, 100)).toBeGreaterThan(4);
    slowed(1);
    expect(cost.predict(5, 100)! / truth(5, 100)).toBeLessThan(1.2);
  });

  it('takes a machine that has become slower for that, not for the context', () => {
    const flat = (numTokens: number): number => 50 + 20 * (numTokens - 1);
    const sizes = [1, 2, 3, 5, 9];
    const cost = new BatchCost(
      sizes.map((numTokens) => ({ numTokens, contextLength: 0, ms: flat(numTokens) })),
    );
    // An answer of two hundred tokens while something else runs.
    for (let contextLength = 50; contextLength < 250; contextLength += 5)
      for (const numTokens of [5, 1]) cost.observe({ numTokens, contextLength, ms: 1.5 * flat(numTokens) });
    for (const numTokens of [1, 5, 9])
      expect(cost.predict(numTokens, 1400)! / (1.5 * flat(numTokens))).toBeLessThan(1.4);
  });

  it('knows what a long context costs from batches that were measured after one', () => {
    const long = [1, 5, 33].map((numTokens) => ({
      numTokens,
      contextLength: 2048,
      ms: truth(numTokens, 2048),
    }));
    const cost = new BatchCost([...calibration, ...long]);
    const errors = (factor: number): number[] =>
      [1, 2, 4, 6, 12, 20].flatMap((numTokens) =>
        [300, 1000, 4000].map((contextLength) =>
          Math.abs(cost.predict(numTokens, contextLength)! / (factor * truth(numTokens, contextLength)) - 1),
        ),
      );
    expect(median(errors(1))).toBeLessThan(0.05);
    for (let round = 0; round < 60; round++)
      for (const numTokens of [1, 2, 4, 6, 12, 20])
        cost.observe({ numTokens, contextLength: 100 + round, ms: 1.6 * truth(numTokens, 100 + round) });
    expect(median(errors(1.6))).toBeLessThan(0.05);
  });

  it('grows with the context as it did on a machine that has become slower', () => {
    const cost = new BatchCost([
      ...[1, 9].map((numTokens) => ({ numTokens, contextLength: 0, ms: 10 * numTokens })),
      ...[1, 9].map((numTokens) => ({ numTokens, contextLength: 2000, ms: 15 * numTokens })),
    ]);
    const slowed = cost.slowed(2);
    for (const [numTokens, contextLength] of [
      [1, 0],
      [5, 1000],
      [9, 2000],
    ] as const)
      expect(slowed.predict(numTokens, contextLength)).toBeCloseTo(
        2 * cost.predict(numTokens, contextLength)!,
      );
    for (let index = 0; index < 9; index++) slowed.observe({ numTokens: 1, contextLength: 2000, ms: 24 });
    expect(slowed.isGuessed(1)).toBe(false);
    expect(slowed.isGuessed(9)).toBe(true);
    expect(slowed.predict(1, 2000)).toBeCloseTo(24, 0);
    expect(cost.isGuessed(1)).toBe(false);
    const measured = cost.slowed(2);
    for (let index = 0; index < 300; index++) {
      const [numTokens, contextLength] = [index % 2 === 0 ? 1 : 9, 500 * (index % 5)];
      measured.observe({ numTokens, contextLength, ms: 2 * cost.predict(numTokens, contextLength)! });
    }
    expect(measured.predict(9, 4000)! / cost.predict(9, 4000)!).toBeCloseTo(2, 2);
  });

  it('believes a larger batch that took less than a small one did in a bad moment', () => {
    const cost = new BatchCost([1, 2, 5, 9].map((numTokens) => ({ numTokens, contextLength: 0, ms: 500 })));
    for (let round = 0; round < 12; round++) cost.observe({ numTokens: 5, contextLength: 0, ms: 30 });
    expect(cost.predict(1, 0)).toBeLessThanOrEqual(30);
    expect(cost.predict(9, 0)).toBe(500);
  });
});
