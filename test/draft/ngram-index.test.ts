import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NgramIndex } from '../../src/draft/ngram-index.js';
import type { TokenId } from '../../src/types.js';

const orders = [1, 2, 3, 5];
const maxTokens = 16;

/** Where the last `order` tokens of `text[0, end)` ended before, by looking at every place, the latest first. */
function search(text: readonly TokenId[], start: number, order: number, end: number): number[] {
  const places: number[] = [];
  for (let last = end - 1; last - order + 1 >= start; last--)
    if (text.slice(last - order + 1, last + 1).every((token, index) => token === text[end - order + index]))
      places.push(last);
  return places;
}

/** All that an index says of its own end. */
function found(index: NgramIndex, text: readonly TokenId[], level: number): number[] {
  const places: number[] = [];
  for (let place = index.find(level, text); place >= 0; place = index.before(level, place))
    places.push(place);
  return places;
}

function expectExact(index: NgramIndex, text: readonly TokenId[]): void {
  for (const [level, order] of orders.entries()) {
    if (text.length - index.start < order) continue;
    expect(found(index, text, level)).toEqual(search(text, index.start, order, text.length));
  }
}

const token = fc.integer({ min: 0, max: 2 });
/** Tokens to append, or a share of the text to keep. */
const change = fc.oneof(
  { weight: 3, arbitrary: fc.array(token, { minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
);

describe('an index of n-grams', () => {
  it('finds what a search over the text finds, whatever was appended, cut off and forgotten', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const index = new NgramIndex(orders, maxTokens);
        let text: TokenId[] = [];
        for (const step of changes) {
          if (typeof step === 'number') {
            text = text.slice(0, Math.floor(step * text.length));
            index.truncate(text.length);
          } else {
            text.push(...step);
            for (const each of step) index.append(each);
          }
          expect(index.length).toBe(text.length);
          expect(index.start).toBeLessThanOrEqual(text.length);
          expectExact(index, text);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the last tokens, as many as it may', () => {
    const index = new NgramIndex(orders, maxTokens);
    for (let each = 0; each < 40; each++) index.append(each);
    expect([index.start, index.length]).toEqual([24, 40]);
    expect(index.at(24)).toBe(24);
    expect(index.find(0, [23])).toBe(-1);
    expect(index.find(0, [24])).toBe(24);
  });

  it.each([0, 1, 3, 1000, NaN, 2 ** 31])('does not remember %d tokens', (limit) => {
    expect(() => new NgramIndex(orders, limit)).toThrow(RangeError);
  });

  it('finds contexts that are not its own end, and nothing for too short ones', () => {
    const index = new NgramIndex(orders, maxTokens);
    index.follow([7, 8, 9, 7, 8]);
    expect(index.find(1, [1, 8, 9])).toBe(2);
    expect(index.find(2, [8, 9])).toBe(-1);
    expect(index.find(1, [9, 9])).toBe(-1);
  });

  it('grows beyond its first arrays and gives the same answers', () => {
    const index = new NgramIndex(orders, 2 ** 13);
    const text = Array.from({ length: 5000 }, (_, place) => (place * place) % 13);
    index.follow(text);
    expectExact(index, text);
    expect(index.numBytes).toBe(4 * 2 ** 13 * 13);
  });

  it('follows a text that differs from some place on, also where it has forgotten that place', () => {
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 40 }),
        fc.array(token, { maxLength: 40 }),
        fc.nat(40),
        (one, other, kept) => {
          const index = new NgramIndex(orders, maxTokens);
          const text = [...one.slice(0, kept), ...other];
          index.follow(one);
          index.follow(text);
          expect(index.length).toBe(text.length);
          expectExact(index, text);
        },
      ),
    );
  });
});
