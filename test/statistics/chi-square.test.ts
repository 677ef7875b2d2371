import { describe, expect, it } from 'vitest';
import { sample } from '../../src/sampling/categorical.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { dense } from '../helpers/table-model.js';
import { holm, testAgainstLaw, testOfTwo, type Counts } from './chi-square.js';

const counts = (...values: number[]): Counts => new Map(values.map((value, index) => [`${index}`, value]));
const probabilities = [0.4, 0.3, 0.15, 0.1, 0.04, 0.008, 0.002];
const law = counts(...probabilities);

const distribution = dense(...probabilities);
const fromLaw = (uniform: number) => sample(distribution, uniform);
/** Most outcomes come once or never. */
const scattered = (uniform: number) => Math.floor(1000 * uniform);

function drawn(random: SeededRandom, size: number, outcomeOf = fromLaw): Counts {
  const numbers = new Map<string, number>();
  for (let draw = 0; draw < size; draw++) {
    const outcome = `${outcomeOf(random.uniform())}`;
    numbers.set(outcome, (numbers.get(outcome) ?? 0) + 1);
  }
  return numbers;
}

/** Share of repetitions with a p-value below 0.05. */
function shareOfAlarms(repetitions: number, pValue: (random: SeededRandom) => number): number {
  const random = new SeededRandom(1, 'chi-square');
  return (
    Array.from({ length: repetitions }, () => pValue(random)).filter((value) => value < 0.05).length /
    repetitions
  );
}

describe('a test against a law', () => {
  it('gives the statistic and the tail of a textbook example', () => {
    const result = testAgainstLaw(counts(44, 56), counts(0.5, 0.5));
    expect(result).toMatchObject({ statistic: expect.closeTo(1.44, 12), degreesOfFreedom: 1 });
    expect(result.pValue).toBeCloseTo(0.2301, 4);
  });

  it('joins the rarest cells until each is expected five times', () => {
    expect(testAgainstLaw(counts(40, 30, 15, 10, 4, 1, 0), law).degreesOfFreedom).toBe(4);
  });

  it('is certain when an impossible outcome came', () => {
    expect(testAgainstLaw(counts(5, 5, 1), counts(0.5, 0.5)).pValue).toBe(0);
  });

  it('raises a false alarm as often as its level says', () => {
    const share = shareOfAlarms(1000, (random) => testAgainstLaw(drawn(random, 500), law).pValue);
    expect(share).toBeGreaterThan(0.03);
    expect(share).toBeLessThan(0.07);
  });
});

describe('a test of two samples', () => {
  it('gives the statistic of a two-by-two table', () => {
    const result = testOfTwo(counts(30, 70), counts(45, 55));
    expect(result).toMatchObject({ statistic: expect.closeTo(4.8, 12), degreesOfFreedom: 1 });
  });

  it('finds no difference between a sample and its multiple', () => {
    expect(testOfTwo(counts(30, 70), counts(300, 700)).statistic).toBeCloseTo(0, 12);
  });

  it('raises a false alarm as often as its level says', () => {
    const share = shareOfAlarms(1000, (random) => testOfTwo(drawn(random, 400), drawn(random, 600)).pValue);
    expect(share).toBeGreaterThan(0.03);
    expect(share).toBeLessThan(0.07);
  });

  it('raises no more false alarms where most outcomes come once', () => {
    const scatter = (random: SeededRandom) => drawn(random, 300, scattered);
    const share = shareOfAlarms(200, (random) => testOfTwo(scatter(random), scatter(random)).pValue);
    expect(share).toBeLessThan(0.1);
  });
});

describe('holm', () => {
  it('compares the smallest p-value with the error of the family over all tests, the next over one less', () => {
    expect(holm([0.02, 0.01, 0.9], 0.05)).toEqual([true, true, false]);
  });

  it('stops at the first hypothesis that stands', () => {
    expect(holm([0.011, 0.04, 0.03, 0.02], 0.05)).toEqual([true, false, false, false]);
  });
});
