import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DisposedError } from '../../src/errors.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import type { Tokenizer } from '../../src/model/tokenizer.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-tokenizer-'));
const beginToken = 1;
const endToken = 2;
let model: Model;
let tokenizer: Tokenizer;

beforeAll(async () => {
  const path = join(folder, 'llama.gguf');
  writeTinyModel(path, { vocabSize: 320 });
  model = await loadModel(path, { gpu: 'off' });
  tokenizer = model.tokenizer;
});

afterAll(() => {
  model.dispose();
  rmSync(folder, { recursive: true });
});

/** Byte tokens follow <unk>, <s> and </s>. */
const byteTokens = (text: string) => Array.from(Buffer.from(text), (byte) => byte + 3);

describe('encode', () => {
  it.each(['hello world', 'a.b, c', 'Ä with 😀 and 漢字', '  two  spaces', 'tab\tand\nline'])(
    'is undone by decode for %j',
    (text) => {
      const tokens = tokenizer.encode(text, { addSpecial: false });
      expect(tokenizer.decode(tokens)).toBe(text);
    },
  );

  it('adds the begin token by default, and none when told not to', () => {
    const plain = tokenizer.encode('hello', { addSpecial: false });
    expect(Array.from(plain)).not.toContain(beginToken);
    expect(Array.from(tokenizer.encode('hello'))).toEqual([beginToken, ...plain]);
  });

  it('merges letters into syllables', () => {
    expect(tokenizer.encode('hehehe', { addSpecial: false }).length).toBeLessThan(6);
  });

  it('takes special tokens in the text as plain text by default', () => {
    const tokens = tokenizer.encode('</s>', { addSpecial: false });
    expect(Array.from(tokens)).not.toContain(endToken);
    expect(tokenizer.decode(tokens)).toBe('</s>');
  });

  it('reads special tokens in the text with parseSpecial', () => {
    const tokens = tokenizer.encode('</s>', { addSpecial: false, parseSpecial: true });
    expect(Array.from(tokens)).toEqual([endToken]);
  });

  it('gives no token for no text', () => {
    expect(Array.from(tokenizer.encode('', { addSpecial: false }))).toEqual([]);
  });

  it('takes text longer than any buffer', () => {
    const text = 'ab😀'.repeat(5000);
    expect(tokenizer.decode(tokenizer.encode(text, { addSpecial: false }))).toBe(text);
  });
});

describe('decode', () => {
  it('leaves special tokens out unless asked for', () => {
    const tokens = [...tokenizer.encode('hello', { addSpecial: false }), endToken];
    expect(tokenizer.decode(tokens)).toBe('hello');
    expect(tokenizer.decode(tokens, { special: true })).toBe('hello</s>');
  });

  it.each([-1, 320])('refuses the token %d', (token) => {
    expect(() => tokenizer.decode([token])).toThrow(/token ids below 320/);
    expect(() => tokenizer.bytes(token)).toThrow(/token id of the vocabulary/);
  });

  it('after dispose is a DisposedError', async () => {
    const disposed = await loadModel(model.path, { gpu: 'off' });
    disposed.dispose();
    expect(() => disposed.tokenizer.decode([3])).toThrow(DisposedError);
  });
});

describe('a token stream', () => {
  it('gives the same text as decode, token by token', () => {
    const tokens = tokenizer.encode('he said 😀', { addSpecial: false });
    const stream = tokenizer.stream();
    const text = Array.from(tokens, (token) => stream.push(token)).join('') + stream.end();
    expect(text).toBe(' he said 😀');
  });

  it('holds the bytes of an emoji back until it is whole', () => {
    const stream = tokenizer.stream();
    expect(byteTokens('😀').map((token) => stream.push(token))).toEqual(['', '', '', '😀']);
    expect(stream.end()).toBe('');
  });

  it('goes on with whole tokens after a character that was completed, broken off, or parted by nothing', () => {
    const [a] = byteTokens('a');
    const emoji = byteTokens('😀');
    const stream = tokenizer.stream();
    const push = (...tokens: number[]): string => tokens.map((token) => stream.push(token)).join('');
    expect(push(...emoji, a!, a!)).toBe('😀aa');
    expect(push(emoji[0]!, endToken, ...emoji.slice(1), a!)).toBe('😀a');
    expect(push(emoji[0]!, emoji[1]!, a!, a!)).toBe('\ufffdaa');
    expect(push(emoji[0]!, endToken, a!, a!)).toBe('\ufffdaa');
    expect(stream.end()).toBe('');
  });

  it('turns an incomplete character into U+FFFD at the end', () => {
    const stream = tokenizer.stream();
    for (const token of byteTokens('😀').slice(0, 3)) stream.push(token);
    expect(stream.end()).toBe('\ufffd');
  });

  it('is not mixed up with another one', () => {
    const [first, second] = [tokenizer.stream(), tokenizer.stream()];
    first.push(byteTokens('😀')[0]!);
    expect(second.push(byteTokens('a')[0]!)).toBe('a');
  });
});

describe('isEndOfGeneration', () => {
  it('is true for the end token only', () => {
    const ends = Array.from({ length: 320 }, (_, token) => token).filter((token) =>
      tokenizer.isEndOfGeneration(token),
    );
    expect(ends).toEqual([endToken]);
  });
});
