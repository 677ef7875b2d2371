import { describe, expect, it } from 'vitest';
import { DraftTemperature, overlapsAt } from '../../src/draft/draft-temperature.js';
import type { Distribution } from '../../src/sampling/distribution.js';
import { SeededRandom } from '../fixtures/seeded-random.js';

/** Softmax of logits at a temperature; tokens `first`, `first + 1`, .... */
function softmax(logits: readonly number[], temperature: number, first = 0): Distribution {
  const weights = logits.map((logit) => Math.exp(logit / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    ids: Int32Array.from(weights, (_, index) => first + index),
    probs: Float64Array.from(weights, (weight) => weight / total),
  };
}

describe('the overlap of two rows', () => {
  it('is 1 for equal ones and 0 for disjoint ones', () => {
    const row = softmax([2, 1, 0], 1);
    expect(overlapsAt(row, row, [1])[0]).toBeCloseTo(1, 12);
    expect(overlapsAt(row, softmax([2, 1, 0], 1, 3), [1, 2])).toEqual([0, 0]);
  });

  it('is that with the row drawn from at another temperature', () => {
    const logits = [2, 1, 0.5, -1];
    const target = softmax([2.5, 0, 1, 0], 0.7, 1);
    const [warm, cold] = [softmax(logits, 1.2), softmax(logits, 0.4)];
    expect(overlapsAt(warm, target, [1, 3])[1]).toBeCloseTo(overlapsAt(cold, target, [1])[0]!, 12);
  });
});

describe('a learnt temperature of drafts', () => {
  /** A target that is `sharpness` times as sure as the draft, and a draft that follows what is learnt. */
  function learn(sharpness: (round: number) => number, rounds: number): DraftTemperature {
    const temperature = new DraftTemperature();
    const random = new SeededRandom(5, 'rows');
    for (let round = 0; round < rounds; round++) {
      const logits = Array.from({ length: 30 }, () => 2 * random.normal());
      const noisy = logits.map((logit) => logit + 0.3 * random.normal());
      temperature.observe(
        () => softmax(noisy, temperature.value),
        () => softmax(logits, 1 / sharpness(round)),
      );
    }
    return temperature;
  }

  it('is 1 before anything was seen and where the draft is as sure as the target', () => {
    expect(new DraftTemperature().value).toBe(1);
    expect(learn(() => 1, 200).value).toBe(1);
  });

  it('falls as far as the target is surer', () => {
    expect(learn(() => 1 / 0.55, 200).value).toBe(0.55);
    expect(learn(() => 4, 200).value).toBe(0.25);
  });

  it('stays for seven rows whatever they say, and for what is next to nothing', () => {
    expect(learn(() => 4, 7).value).toBe(1);
    expect(learn(() => 4, 9).value).toBe(0.25);
    // Now 1, now 0.85 would have a little more accepted.
    const values = Array.from({ length: 200 }, (_, index) => learn(() => 1 / 0.92, index).value);
    expect(values.every((value) => value === 1)).toBe(true);
  });

  it('follows a change', () => {
    expect(learn((round) => (round < 300 ? 2 : 1), 1000).value).toBe(1);
  });

  it('looks at large rows now and then only', () => {
    const temperature = new DraftTemperature();
    const row = softmax(
      Array.from({ length: 20_000 }, (_, token) => -token / 1000),
      1,
    );
    let looks = 0;
    const look = (): Distribution => {
      looks += 1;
      return row;
    };
    for (let round = 0; round < 500; round++) temperature.observe(look, () => row);
    expect(looks).toBeGreaterThan(2);
    expect(looks).toBeLessThan(25);
  });
});
