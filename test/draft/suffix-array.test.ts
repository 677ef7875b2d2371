import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { suffixArray } from '../../src/draft/suffix-array.js';

function naive(text: readonly number[]): number[] {
  const compare = (left: number, right: number): number => {
    let offset = 0;
    while (text[left + offset] === text[right + offset]) offset++;
    return text[left + offset]! - text[right + offset]!;
  };
  return text.map((_, index) => index).sort(compare);
}

function sorted(symbols: readonly number[]): Int32Array {
  return suffixArray(Int32Array.of(...symbols, 0), Math.max(0, ...symbols) + 1);
}

describe('a suffix array', () => {
  it.each([1, 2, 3, 40])('of a text over %i symbols is what sorting gives', (alphabet) => {
    const text = fc.array(fc.integer({ min: 1, max: alphabet }), { maxLength: 200 });
    fc.assert(
      fc.property(text, (symbols) => {
        expect(Array.from(sorted(symbols))).toEqual(naive([...symbols, 0]));
      }),
      { numRuns: 400 },
    );
  });

  it('of repeats within repeats is what sorting gives', () => {
    const part = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 });
    const repeated = fc
      .tuple(part, fc.integer({ min: 1, max: 8 }), part, fc.integer({ min: 1, max: 8 }))
      .map(([inner, times, tail, again]) => {
        const once = [...Array.from({ length: times }, () => inner).flat(), ...tail];
        return Array.from({ length: again }, () => once).flat();
      });
    fc.assert(
      fc.property(repeated, (symbols) => {
        expect(Array.from(sorted(symbols))).toEqual(naive([...symbols, 0]));
      }),
      { numRuns: 400 },
    );
  });

  it('of a million equal symbols, or of two that alternate, takes no longer than of others', () => {
    const numSymbols = 1_000_000;
    const equal = new Int32Array(numSymbols + 1).fill(1);
    equal[numSymbols] = 0;
    const started = performance.now();
    expect(suffixArray(equal, 2).every((position, rank) => position === numSymbols - rank)).toBe(true);
    const alternating = equal.map((symbol, index) => symbol * (1 + (index % 2)));
    const order = suffixArray(alternating, 3);
    expect(Array.from(order.subarray(0, 3))).toEqual([numSymbols, numSymbols - 2, numSymbols - 4]);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('is refused for a text without an end of its own', () => {
    expect(() => suffixArray(Int32Array.of(1, 2), 3)).toThrow(RangeError);
    expect(() => suffixArray(Int32Array.of(1, 0, 2, 0), 3)).toThrow(RangeError);
    expect(() => suffixArray(Int32Array.of(), 3)).toThrow(RangeError);
  });
});
