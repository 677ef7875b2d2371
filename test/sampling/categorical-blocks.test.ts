import { expect, it } from 'vitest';
import { sample } from '../../src/sampling/categorical.js';
import { Purpose, uniform } from '../../src/sampling/random.js';

it('a support of many blocks is sampled as one long walk samples it', () => {
  const size = 1000;
  const weights = Float64Array.from({ length: size }, (_, index) =>
    index % 7 === 0 ? 0 : uniform(1, Purpose.draft, index),
  );
  const ids = Int32Array.from({ length: size }, (_, index) => 3 * index);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const seen = new Set<number>();
  for (let turn = 0; turn < 2000; turn++) {
    const drawn = uniform(2, Purpose.target, turn);
    let reached = 0;
    const expected = weights.findIndex((weight) => weight > 0 && drawn * sum < (reached += weight));
    expect(sample({ ids, probs: weights }, drawn)).toBe(ids[expected]);
    seen.add(expected >> 8);
  }
  expect([...seen].sort()).toEqual([0, 1, 2, 3]);
});
