import { describe, expect, it } from 'vitest';
import { RidgeRegression } from '../../src/cost/ridge-regression.js';
import { Purpose, uniform } from '../../src/sampling/random.js';

const decay = 0.98;

function fitted(ridge: readonly number[], rows: readonly (readonly number[])[], truth: readonly number[]) {
  const regression = new RidgeRegression({ ridge, decay });
  for (const row of rows)
    regression.observe(
      row,
      row.reduce((sum, value, index) => sum + value * truth[index]!, 0),
    );
  return regression.coefficients;
}

describe('regression under a ridge', () => {
  const rows = Array.from({ length: 60 }, (_, index) => [
    1,
    uniform(1, Purpose.accept, index, 0),
    uniform(1, Purpose.accept, index, 1),
  ]);

  it('finds what measurements tell', () => {
    const found = fitted([1e-6, 1e-6, 1e-6], rows, [-0.5, 2, 3]);
    for (const [index, expected] of [-0.5, 2, 3].entries()) expect(found[index]).toBeCloseTo(expected, 4);
  });

  it('believes in little of what few tell, and in nothing without any', () => {
    expect(fitted([1, 1], [], [1, 1])).toEqual([0, 0]);
    // One measurement against one that says 0.
    expect(fitted([1, 1], [[0, 1]], [5, 3])).toEqual([0, 1.5]);
    expect(fitted([1, 1], [[0, 10]], [5, 3])[1]).toBeCloseTo(3 * (100 / 101), 10);
  });

  it('leaves out all but the first that would be below 0, and finds the others again without them', () => {
    const found = fitted([1e-6, 1e-6, 1e-6], rows, [-1, 2, -4]);
    expect(found[2]).toBe(0);
    // Least squares on the first two terms alone, of a target with the third in it.
    const two = new RidgeRegression({ ridge: [1e-6, 1e-6], decay });
    for (const [one, first, second] of rows) two.observe([one!, first!], -one! + 2 * first! - 4 * second!);
    expect(two.coefficients[1]).toBeGreaterThan(0);
    expect(found.slice(0, 2)).toEqual(two.coefficients);
  });

  it('has copies that have seen the same, and see the rest by themselves', () => {
    const seen = (): RidgeRegression => {
      const regression = new RidgeRegression({ ridge: [1], decay: 0.5 });
      regression.keep([1], 4, 7);
      regression.observe([1], 12);
      return regression;
    };
    const [regression, alike] = [seen(), seen()];
    const copy = regression.copy();
    expect(copy.coefficients).toEqual(alike.coefficients);
    copy.observe([1], 40);
    copy.keep([1], 40, 2);
    regression.observe([1], 30);
    alike.observe([1], 30);
    expect(regression.coefficients).toEqual(alike.coefficients);
    expect(copy.coefficients[0]).toBeGreaterThan(alike.coefficients[0]!);
  });

  it('forgets what fades, and keeps what it was told to keep', () => {
    const regression = new RidgeRegression({ ridge: [1], decay: 0.5 });
    regression.keep([1], 4, 7);
    // Seven measurements of 4 and one of 0.
    expect(regression.coefficients[0]).toBeCloseTo(3.5, 10);
    for (let round = 0; round < 30; round++) regression.observe([1], 10);
    // The last ones count as two.
    expect(regression.coefficients[0]).toBeCloseTo((7 * 4 + 2 * 10) / 10, 6);
  });
});
