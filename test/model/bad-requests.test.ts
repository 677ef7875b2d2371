import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContextFullError, OutriderError, ShapeError } from '../../src/errors.js';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { decodeChain, rowDistance } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-requests-'));
const sampler = new Sampler();
const prompt = [1, 300, 280, 265];
let model: Model;
let context: Context;
let sequence: Sequence;

beforeAll(async () => {
  const path = join(folder, 'llama.gguf');
  writeTinyModel(path, { vocabSize: 320 });
  model = await loadModel(path, { gpu: 'off' });
  context = await model.createContext({
    contextSize: 256,
    batchSize: 16,
    maxLeaves: 2,
    sequences: 2,
    kvType: 'f32',
    flashAttention: 'off',
  });
  sequence = context.sequence();
});

beforeEach(async () => {
  await sequence.truncate(0);
  await context.sequence(1).truncate(0);
  await sequence.prefill(prompt);
});

afterAll(() => {
  context.dispose();
  model.dispose();
  rmSync(folder, { recursive: true });
});

const decode = (tokens: ArrayLike<number>, parents?: readonly number[]) =>
  sequence.decode({ tokens, parents, sampler });
const long = (length: number) => Array.from({ length }, (_, index) => 262 + (index % 50));

describe('a refused request leaves the sequence as it was', () => {
  // After each of these the sequence goes on as if nothing had been asked.
  afterEach(async () => {
    expect(Array.from(sequence.tokens)).toEqual(prompt);
    const row = await decodeChain(sequence, [277]);
    await sequence.truncate(0);
    await sequence.prefill(prompt);
    expect(rowDistance(row, await decodeChain(sequence, [277]))).toBeLessThan(1e-5);
  });

  it('for a prompt longer than the context', async () => {
    const prefilling = sequence.prefill(long(257));
    await expect(prefilling).rejects.toThrow(ContextFullError);
    await expect(prefilling).rejects.toMatchObject({ code: 'CONTEXT_FULL', needed: 257, available: 256 });
  });

  it('for more tokens than a batch holds', async () => {
    const decoding = decode(long(17));
    await expect(decoding).rejects.toThrow(OutriderError);
    await expect(decoding).rejects.toMatchObject({
      code: 'BATCH_TOO_LARGE',
      message: expect.stringMatching(/16.*17/) as string,
    });
  });

  it('for cells that another sequence has taken', async () => {
    await context.sequence(1).prefill(long(250));
    await expect(decode(long(5))).rejects.toThrow(ContextFullError);
    await context.sequence(1).truncate(0);
  });

  it.each([-1, 320, 2 ** 31 - 1])('for the token %d, which the vocabulary does not have', async (token) => {
    await expect(decode([300, token])).rejects.toThrow(RangeError);
    await expect(decode([300, token])).rejects.toThrow(String(token));
    await expect(sequence.draft(Int32Array.of(token), { numDraft: 1, sampler })).rejects.toThrow(RangeError);
    await sequence.prefill(prompt);
  });

  it.each([
    ['a parent after its child', [1, -1]],
    ['a node that is its own parent', [-1, 1]],
    ['a parent below -1', [-1, -2]],
    ['too few parents', [-1]],
    ['too many parents', [-1, 0, 1]],
  ])('for %s', async (_, parents) => {
    await expect(decode([300, 301], parents)).rejects.toThrow(ShapeError);
  });

  it('for more leaves than the context allows', async () => {
    const decoding = decode([300, 301, 302], [-1, -1, -1]);
    await expect(decoding).rejects.toThrow(ShapeError);
    await expect(decoding).rejects.toThrow(/at most 2 leaves but received 3/);
  });

  it('for no token', async () => {
    await expect(decode([])).rejects.toThrow(ShapeError);
  });

  it.each([-1, 1.5, NaN])('for a cut to length %d', async (length) => {
    await expect(sequence.truncate(length)).rejects.toThrow(RangeError);
  });

  it.each([-2, 2, 0.5, NaN])('for a commit of node %d of two', async (node) => {
    await decode([300, 301]);
    expect(() => sequence.commit(node)).toThrow(RangeError);
  });

  it('for a commit of what was never decoded', () => {
    expect(() => sequence.commit(0)).toThrow(RangeError);
  });
});

describe('a decode past the end of the context', () => {
  it('is a ContextFullError that says how much is needed', async () => {
    await sequence.prefill(long(250));
    await expect(decode(long(7))).rejects.toMatchObject({
      name: 'ContextFullError',
      needed: 257,
      available: 256,
    });
    expect(sequence.length).toBe(250);
  });

  it('may fill the context to its last cell', async () => {
    await sequence.prefill(long(250));
    await decodeChain(sequence, long(6));
    expect(sequence.length).toBe(256);
  });
});

describe('a sequence id', () => {
  it.each([-1, 2, 0.5, NaN])('of %d in a context of two is a RangeError', (id) => {
    expect(() => context.sequence(id)).toThrow(RangeError);
  });

  it('gives the same sequence each time', () => {
    expect(context.sequence(1)).toBe(context.sequence(1));
    expect(context.sequence(1)).not.toBe(context.sequence(0));
  });
});
