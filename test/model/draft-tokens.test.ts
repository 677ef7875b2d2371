import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BusyError, ContextFullError } from '../../src/errors.js';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { sample } from '../../src/sampling/categorical.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { decodeChain, greedyTokens, likeliest, rowDistance, takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-draft-'));
const tolerance = 1e-4;
const prompt = Int32Array.of(1, 300, 280, 265, 290, 311, 275);
const uniforms = Float64Array.of(0.05, 0.93, 0.5, 0.31, 0.77, 0.12);
const numDraft = uniforms.length;
const sampler = new Sampler();
let model: Model;
let context: Context;
let sequence: Sequence;
let reference: Sequence;

beforeAll(async () => {
  const path = join(folder, 'llama.gguf');
  writeTinyModel(path, { vocabSize: 320 });
  model = await loadModel(path, { gpu: 'off' });
  const options = { contextSize: 256, kvType: 'f32', flashAttention: 'off' } as const;
  context = await model.createContext(options);
  sequence = context.sequence();
  reference = (await model.createContext(options)).sequence();
});

beforeEach(async () => {
  await sequence.truncate(0);
  await reference.truncate(0);
});

afterAll(() => {
  reference.context.dispose();
  context.dispose();
  model.dispose();
  rmSync(folder, { recursive: true });
});

async function freshRow(tokens: ArrayLike<number>) {
  await reference.truncate(0);
  await reference.prefill(Array.from(tokens).slice(0, -1));
  return decodeChain(reference, Array.from(tokens).slice(-1));
}

describe('a draft', () => {
  it('of likeliest tokens is what repeated greedy decoding gives', async () => {
    const drafted = await sequence.draft(prompt, { numDraft, sampler });
    expect(Array.from(drafted.tokens)).toEqual(await greedyTokens(reference, Array.from(prompt), numDraft));
  });

  it('is drawn from its rows with the uniforms given', async () => {
    const drafted = await sequence.draft(prompt, { numDraft, sampler, uniforms });
    const rows = takeRows(drafted);
    expect(rows.map((row, index) => sample(row, uniforms[index]!))).toEqual(Array.from(drafted.tokens));
    expect(rows.map(likeliest)).not.toEqual(Array.from(drafted.tokens));
  });

  it('has the rows that a decode of the same tokens has', async () => {
    const drafted = await sequence.draft(prompt, { numDraft, sampler, uniforms });
    for (const [index, row] of takeRows(drafted).entries()) {
      const expected = await freshRow([...prompt, ...drafted.tokens.slice(0, index)]);
      expect(rowDistance(row, expected)).toBeLessThan(tolerance);
    }
  });

  it('gives penalties the tokens drawn so far', async () => {
    const penalised = new Sampler({ presencePenalty: 100, temperature: 0 });
    const { tokens } = await sequence.draft(prompt, { numDraft: 20, sampler: penalised });
    expect(new Set([...prompt, ...tokens]).size).toBe(prompt.length + 20);
  });

  it('stops before a draw whose row is not confident, and drops no token that was drawn', async () => {
    const whole = await sequence.draft(prompt, { numDraft, sampler, uniforms });
    const peaks = takeRows(whole).map(({ probs }) => Math.max(...probs));
    for (const minProbability of peaks) {
      const stopped = await sequence.draft(prompt, { numDraft, sampler, uniforms, minProbability });
      const firstBelow = peaks.findIndex((peak) => peak < minProbability - 1e-9);
      const numKept = firstBelow === -1 ? numDraft : firstBelow;
      expect(Array.from(stopped.tokens)).toEqual(Array.from(whole.tokens.slice(0, numKept)));
      expect(takeRows(stopped)).toHaveLength(numKept);
    }
    expect(new Set(peaks).size).toBeGreaterThan(1);
  });

  it('draws nothing when the first row is not confident', async () => {
    const { tokens, rows } = await sequence.draft(prompt, { numDraft, sampler, minProbability: 1 });
    expect([tokens.length, rows.numRows]).toEqual([0, 0]);
    expect(Array.from(sequence.tokens)).toEqual(Array.from(prompt));
  });

  it('leaves out tokens from the vocabulary limit on', async () => {
    const free = await sequence.draft(prompt, { numDraft: 20, sampler });
    const vocabLimit = Math.max(...free.tokens);
    const { tokens, rows } = await sequence.draft(prompt, { numDraft: 20, sampler, vocabLimit });
    expect(tokens).toHaveLength(20);
    expect(Math.max(...tokens)).toBeLessThan(vocabLimit);
    expect(rows.row(0).ids.at(-1)).toBeLessThan(vocabLimit);
  });

  it('is not part of the sequence afterwards', async () => {
    await sequence.draft(prompt, { numDraft, sampler });
    expect(Array.from(sequence.tokens)).toEqual(Array.from(prompt));
    const row = await decodeChain(sequence, [277]);
    expect(rowDistance(row, await freshRow([...prompt, 277]))).toBeLessThan(tolerance);
  });

  it.each([0, 1, 3, numDraft - 1, numDraft])(
    'is gone on with after %i of its tokens',
    async (numAccepted) => {
      const first = await sequence.draft(prompt, { numDraft, sampler });
      const tokens = Int32Array.of(...prompt, ...first.tokens.slice(0, numAccepted), 277);
      const second = await sequence.draft(tokens, { numDraft, sampler }, prompt.length);
      expect(Array.from(sequence.tokens)).toEqual(Array.from(tokens));
      const expected = await greedyTokens(reference, Array.from(tokens), numDraft);
      expect(Array.from(second.tokens)).toEqual(expected);
      const third = Int32Array.of(...tokens, expected[0]!, 301);
      const { rows } = await sequence.draft(third, { numDraft, sampler, uniforms });
      expect(rowDistance(rows.row(0), await freshRow(third))).toBeLessThan(tolerance);
    },
  );

  it('keeps its cells for the next one, and none after anything else', async () => {
    const held = (): number => context.native.length(0) - sequence.length;
    const { tokens } = await sequence.draft(prompt, { numDraft, sampler });
    expect(held()).toBe(numDraft - 1);
    await sequence.prefill(prompt);
    expect(held()).toBe(0);
    await sequence.draft(prompt, { numDraft, sampler });
    takeRows(await sequence.decode({ tokens: [277], sampler }));
    sequence.commit(0);
    const other = Int32Array.of(...prompt, ...tokens);
    const drafted = await sequence.draft(other, { numDraft, sampler }, prompt.length);
    const expected = await greedyTokens(reference, Array.from(other), numDraft);
    expect(Array.from(drafted.tokens)).toEqual(expected);
  });

  it('of another continuation keeps the shared prefix and is right', async () => {
    await sequence.draft(prompt, { numDraft, sampler });
    const other = Int32Array.of(...prompt.slice(0, 4), 301, 266);
    const { tokens } = await sequence.draft(other, { numDraft, sampler });
    expect(Array.from(tokens)).toEqual(await greedyTokens(reference, Array.from(other), numDraft));
  });

  it('stops at the end of the context', async () => {
    const long = Int32Array.from({ length: 254 }, (_, index) => 262 + (index % 50));
    const { tokens } = await sequence.draft(long, { numDraft: 10, sampler });
    expect(tokens).toHaveLength(3);
  });

  it('of more tokens than the context holds is refused', async () => {
    const long = new Int32Array(257).fill(270);
    await expect(sequence.draft(long, { numDraft: 1, sampler })).rejects.toThrow(ContextFullError);
  });
});

describe('a refused draft', () => {
  /** A tree of two leaves, of which the second is committed. */
  async function commitSecondLeaf(): Promise<number[]> {
    await sequence.prefill(prompt);
    takeRows(await sequence.decode({ tokens: [270, 281, 292], parents: [-1, -1, 1], sampler }));
    sequence.commit(2);
    return [...prompt, 281, 292];
  }

  it.each([
    ['too few uniforms', { numDraft: 3, uniforms: Float64Array.of(0.5) }],
    ['no token to draw', { numDraft: 0 }],
  ])('for %s keeps what was committed before', async (_, request) => {
    const expected = await commitSecondLeaf();
    const drafting = sequence.draft(Int32Array.from([...expected, 277]), { sampler, ...request });
    await expect(drafting).rejects.toThrow(TypeError);
    expect(Array.from(sequence.tokens)).toEqual(expected);
    const row = await decodeChain(sequence, [277]);
    expect(rowDistance(row, await freshRow([...expected, 277]))).toBeLessThan(tolerance);
  });

  it('while another call runs leaves the sequence alone', async () => {
    await sequence.prefill(prompt);
    const decoding = sequence.decode({ tokens: [270], sampler });
    const drafting = sequence.draft(Int32Array.of(1, 301), { numDraft, sampler });
    await expect(drafting).rejects.toThrow(BusyError);
    takeRows(await decoding);
    sequence.commit(0);
    expect(Array.from(sequence.tokens)).toEqual([...prompt, 270]);
  });
});
