import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Purpose, threefry2x32, uniform, type WordPair } from '../../src/sampling/random.js';

const largestWord = 0xffffffff;

describe('threefry2x32', () => {
  it.each<[WordPair, WordPair, WordPair]>([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [largestWord, largestWord],
      [largestWord, largestWord],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ])('maps key %j and counter %j to the published words', (key, counter, expected) => {
    expect(threefry2x32(key, counter)).toEqual(expected);
  });
});

describe('uniform', () => {
  const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const positions = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const nodes = fc.integer({ min: 0, max: 2 ** 24 - 1 });
  const purposes = fc.constantFrom(...Object.values(Purpose));

  it('lies in [0, 1) and repeats for the same arguments', () => {
    fc.assert(
      fc.property(seeds, purposes, positions, nodes, (seed, purpose, position, node) => {
        const value = uniform(seed, purpose, position, node);
        expect(value >= 0 && value < 1).toBe(true);
        expect(uniform(seed, purpose, position, node)).toBe(value);
      }),
    );
  });

  it('fills all 53 bits of a double', () => {
    const lowBits = Array.from(
      { length: 64 },
      (_, position) => (uniform(1, Purpose.target, position) * 2 ** 53) % 2,
    );
    expect(new Set(lowBits)).toEqual(new Set([0, 1]));
  });

  it('changes with every argument, and with either word of the seed', () => {
    const values = [
      uniform(5, Purpose.target, 7, 9),
      uniform(6, Purpose.target, 7, 9),
      uniform(5 + 2 ** 32, Purpose.target, 7, 9),
      uniform(5, Purpose.accept, 7, 9),
      uniform(5, Purpose.draft, 7, 9),
      uniform(5, Purpose.target, 8, 9),
      uniform(5, Purpose.target, 7, 10),
    ];
    expect(new Set(values).size).toBe(values.length);
  });

  it('keeps the streams that a seed means today', () => {
    expect(uniform(0, Purpose.target, 0)).toBe(((0x6b200159 >>> 5) * 2 ** 26 + (0x99ba4efe >>> 6)) / 2 ** 53);
    expect(Purpose).toEqual({ target: 0, accept: 1, draft: 2, resample: 3 });
  });

  it('spreads evenly over ten bins (chi-square with 9 degrees of freedom, false alarm below 1e-4)', () => {
    const numDraws = 20_000;
    const bins = new Array<number>(10).fill(0);
    for (let position = 0; position < numDraws; position++) {
      bins[Math.floor(uniform(42, Purpose.accept, position) * 10)]! += 1;
    }
    const expected = numDraws / bins.length;
    const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(33.7);
  });

  it.each<[string, [number, number, number]]>([
    ['seed', [-1, 0, 0]],
    ['seed', [2 ** 53, 0, 0]],
    ['seed', [0.5, 0, 0]],
    ['position', [0, -1, 0]],
    ['position', [0, 2 ** 32, 0]],
    ['node', [0, 0, 2 ** 24]],
    ['node', [0, 0, -1]],
  ])('refuses a %s out of range: %j', (name, [seed, position, node]) => {
    expect(() => uniform(seed, Purpose.target, position, node)).toThrow(RangeError);
    expect(() => uniform(seed, Purpose.target, position, node)).toThrow(name);
  });
});
