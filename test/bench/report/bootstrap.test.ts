import { describe, expect, it } from 'vitest';
import { Bootstrap, ratioOfMeans, type PairedFigures } from '../../../src/bench/report/bootstrap.js';
import { SeededRandom } from '../../fixtures/seeded-random.js';

describe('the ratio of means', () => {
  it('is not the mean of ratios', () => {
    const pairs = [
      { cluster: 'a', plain: 1, method: 4 },
      { cluster: 'b', plain: 3, method: 3 },
    ];
    expect(ratioOfMeans(pairs)).toBe(7 / 4);
  });

  it('is null without pairs', () => expect(ratioOfMeans([])).toBeNull());
});

describe('the bootstrap interval', () => {
  it('is that of all draws where there are two clusters', () => {
    // Draws are aa, ab, ba, bb: ratios 1, 2, 2 and 3, a quarter each at the ends.
    const interval = new Bootstrap().interval([
      { cluster: 'a', plain: 1, method: 1 },
      { cluster: 'b', plain: 1, method: 3 },
    ]);
    expect(interval).toEqual({ low: 1, high: 3 });
  });

  it('is the same for the same seed and another for another', () => {
    const pairs = population(new SeededRandom(1, 'repeats'), 12);
    const interval = (seed: number) => new Bootstrap({ seed }).interval(pairs);
    expect(interval(1)).toEqual(interval(1));
    expect(interval(1)).not.toEqual(interval(2));
  });

  it('does not take repetitions for more prompts', () => {
    const once = population(new SeededRandom(1, 'clusters'), 12);
    const often = Array.from({ length: 5 }, () => once).flat();
    expect(width(often)).toBeCloseTo(width(once), 10);
    const apart = often.map((pair, index) => ({ ...pair, cluster: String(index) }));
    expect(width(apart)).toBeLessThan(0.6 * width(once));
  });

  it('says nothing of one prompt', () => {
    const pair = { cluster: 'a', plain: 1, method: 2 };
    expect(new Bootstrap().interval([pair, pair])).toBeNull();
  });

  it('covers the true ratio about as often as it says', () => {
    const random = new SeededRandom(1, 'coverage');
    const bootstrap = new Bootstrap({ numResamples: 400 });
    let covered = 0;
    for (let trial = 0; trial < 300; trial++) {
      const { low, high } = bootstrap.interval(population(random, 30))!;
      covered += Number(low <= trueRatio && trueRatio <= high);
    }
    // A percentile interval of 30 clusters covers a little less than its 95 %.
    expect(covered / 300).toBeGreaterThan(0.9);
    expect(covered / 300).toBeLessThan(0.985);
  });
});

const trueRatio = 1.5;

/** Prompts of different speed, two repetitions each, with noise of mean 1 on the speedup. */
function population(random: SeededRandom, numPrompts: number): PairedFigures[] {
  return Array.from({ length: numPrompts }, (_, index) => {
    const plain = 20 + 10 * random.uniform();
    const gain = trueRatio * (1 + 0.3 * random.normal());
    return [0, 1].map(() => ({
      cluster: String(index),
      plain,
      method: plain * gain * (1 + 0.02 * random.normal()),
    }));
  }).flat();
}

function width(pairs: readonly PairedFigures[]): number {
  const { low, high } = new Bootstrap().interval(pairs)!;
  return high - low;
}
