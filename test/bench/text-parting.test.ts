import { describe, expect, it } from 'vitest';
import { partingOf } from '../../src/bench/text-parting.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const words = ['one', ' two', ' three'].map(bytes);
const parting = (text: string, { pieces = words, isCut = true } = {}) => {
  const found = partingOf(text, { pieces, isCut });
  return found && [found.at, Buffer.from(found.rest).toString()];
};

describe('a text beside tokens that are known', () => {
  it('is the same where it has all of them', () => {
    expect(parting('one two three')).toBeUndefined();
    expect(parting('one two three', { isCut: false })).toBeUndefined();
  });

  it('parts at the first token that is not in it', () => {
    expect(parting('one too three')).toEqual([1, ' too three']);
    expect(parting('ones')).toEqual([1, 's']);
    expect(parting('')).toEqual([0, '']);
  });

  it('may go on where the answer was cut, and not after an end', () => {
    expect(parting('one two three four')).toBeUndefined();
    expect(parting('one two three four', { isCut: false })).toEqual([3, ' four']);
  });

  it('may lack the last token, which may be an end that is not written, and no more', () => {
    expect(
      parting('one two', { pieces: [...words.slice(0, 2), bytes('</s>')], isCut: false }),
    ).toBeUndefined();
    expect(parting('one')).toEqual([1, '']);
    expect(parting('on')).toEqual([0, 'on']);
  });

  it('may end within a character that takes several tokens', () => {
    const pieces = [...words, ...[0xf0, 0x9f].map((byte) => Uint8Array.of(byte))];
    expect(parting('one two three\uFFFD', { pieces })).toBeUndefined();
    expect(parting('one two three', { pieces })).toBeUndefined();
    expect(parting('one two', { pieces })).toEqual([2, '']);
  });
});
