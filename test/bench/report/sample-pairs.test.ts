import { describe, expect, it } from 'vitest';
import { countLikeness, pairSamples } from '../../../src/bench/report/sample-pairs.js';
import { fakePair, fakeSample } from '../../helpers/bench-results.js';

const greedy = { temperature: 0 };

describe('pairs of answers', () => {
  it('are of one prompt and one repetition', () => {
    const samples = [
      fakeSample({ side: 'plain', prompt: 'a', repetition: 0, decodeMs: 1 }),
      fakeSample({ side: 'plain', prompt: 'a', repetition: 1, decodeMs: 2 }),
      fakeSample({ prompt: 'a', repetition: 1, decodeMs: 3 }),
      fakeSample({ prompt: 'a', repetition: 0, decodeMs: 4 }),
    ];
    const { pairs, numUnpaired } = pairSamples(samples, greedy);
    expect(pairs.map(({ plain, method }) => [plain.decodeMs, method.decodeMs])).toEqual([
      [1, 4],
      [2, 3],
    ]);
    expect(numUnpaired).toBe(0);
  });

  it('leave out answers without their other half, and count them', () => {
    const samples = [...fakePair({ prompt: 'a' }), fakeSample({ side: 'plain', prompt: 'b' })];
    const { pairs, numUnpaired } = pairSamples(samples, greedy);
    expect([pairs.length, numUnpaired]).toEqual([1, 1]);
  });

  it('take the later of two measurements', () => {
    const samples = [...fakePair({ decodeMs: 1 }), ...fakePair({ decodeMs: 2 })];
    expect(pairSamples(samples, greedy).pairs.map(({ plain }) => plain.decodeMs)).toEqual([2]);
  });
});

describe('likeness', () => {
  const likeness = (isSame: boolean | null, margin: number | null, temperature = 0) =>
    pairSamples(fakePair({}, { isSame, margin }), { temperature }).pairs[0]!.likeness;

  it('is a near tie up to 0.05 nats, and a mismatch beyond or where the margin is not known', () => {
    expect(likeness(false, 0.05)).toBe('near tie');
    expect(likeness(false, 0.051)).toBe('mismatch');
    expect(likeness(false, null)).toBe('mismatch');
  });

  it('knows near ties at temperature 0 only', () => expect(likeness(false, 0.01, 1)).toBe('mismatch'));

  it('is unknown where nobody can say', () => expect(likeness(null, null, 1)).toBe('unknown'));

  it('is counted', () => {
    const samples = [true, true, null].flatMap((isSame, index) =>
      fakePair({ prompt: String(index) }, { isSame }),
    );
    expect(countLikeness(pairSamples(samples, greedy).pairs)).toEqual({
      ...{ same: 2, nearTie: 0, mismatch: 0, unknown: 1 },
    });
  });
});
