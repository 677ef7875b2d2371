import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BusyError, DisposedError } from '../../src/errors.js';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { decodeChain, rowDistance, takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-lifetimes-'));
const modelPath = join(folder, 'llama.gguf');
const statePath = join(folder, 'saved.state');
const sampler = new Sampler();
const prompt = [1, 300, 280, 265];
const reason = new Error('enough');
/** About a second of work for one thread. */
const longPrompt = Array.from({ length: 3500 }, (_, index) => 262 + ((index * 7) % 50));
let model: Model;
let context: Context;
let sequence: Sequence;

beforeAll(async () => {
  writeTinyModel(modelPath, { vocabSize: 320 });
  model = await loadModel(modelPath, { gpu: 'off' });
});

beforeEach(async () => {
  const options = { kvType: 'f32', flashAttention: 'off', sequences: 2, threads: 1 } as const;
  context = await model.createContext({ contextSize: 4096, batchSize: 4096, ...options });
  sequence = context.sequence();
  await sequence.prefill(prompt);
  await sequence.save(statePath);
  takeRows(await sequence.decode({ tokens: [270, 271], sampler }));
});

afterEach(() => context.dispose());

afterAll(() => {
  model.dispose();
  rmSync(folder, { recursive: true });
});

/** Each method of a sequence that holds a decoded tree. */
const methods: readonly [string, () => unknown][] = [
  ['prefill', () => sequence.prefill([...prompt, 290])],
  ['decode', () => sequence.decode({ tokens: [290], sampler })],
  ['commit', () => sequence.commit(1)],
  ['draft', () => sequence.draft(Int32Array.from(prompt), { numDraft: 2, sampler })],
  ['truncate', () => sequence.truncate(2)],
  ['save', () => sequence.save(statePath)],
  ['load', () => sequence.load(statePath)],
];

describe.each(methods)('%s', (_, call) => {
  // A method that throws at once counts as one that rejects.
  const attempt = async () => void (await call());

  it('works on an open sequence', async () => {
    await expect(attempt()).resolves.toBeUndefined();
  });

  it('is a BusyError while a decode runs, which ends well', async () => {
    const decoding = sequence.decode({ tokens: [280, 281], sampler });
    await expect(attempt()).rejects.toThrow(BusyError);
    expect(takeRows(await decoding)).toHaveLength(2);
    sequence.commit(1);
    expect(Array.from(sequence.tokens)).toEqual([...prompt, 280, 281]);
  });

  it('is a DisposedError after dispose', async () => {
    context.dispose();
    await expect(attempt()).rejects.toThrow(DisposedError);
  });
});

describe('a dispose', () => {
  it('ends a decode that runs with a DisposedError', async () => {
    const prefilling = sequence.prefill(longPrompt);
    setTimeout(() => context.dispose(), 30);
    await expect(prefilling).rejects.toThrow(DisposedError);
  });

  it('can be repeated, and sequences stay what they were', () => {
    context.dispose();
    context.dispose();
    expect(context.isDisposed).toBe(true);
    expect(Array.from(sequence.tokens)).toEqual(prompt);
  });

  it('leaves rows that were decoded before readable', async () => {
    const { rows } = await sequence.decode({ tokens: [290], sampler });
    context.dispose();
    expect(rows.row(0).ids.length).toBeGreaterThan(0);
  });
});

describe('released rows', () => {
  it('cannot be read', async () => {
    const { rows } = await sequence.decode({ tokens: [290], sampler });
    rows.release();
    rows.release();
    expect(() => rows.row(0)).toThrow();
  });
});

describe('an abort', () => {
  /** The row after the prompt and one more token, on a sequence that has seen an abort and on a fresh one. */
  async function expectUsable(): Promise<void> {
    await sequence.prefill(prompt);
    const row = await decodeChain(sequence, [277]);
    using fresh = await model.createContext({ contextSize: 256, kvType: 'f32', flashAttention: 'off' });
    await fresh.sequence().prefill(prompt);
    expect(rowDistance(row, await decodeChain(fresh.sequence(), [277]))).toBeLessThan(1e-4);
  }

  it('before a call rejects with the reason', async () => {
    const signal = AbortSignal.abort(reason);
    await expect(sequence.decode({ tokens: [290], sampler, signal })).rejects.toBe(reason);
    await expectUsable();
  });

  it('in the middle of one long batch rejects with the reason, and the sequence can be used', async () => {
    const controller = new AbortController();
    const prefilling = sequence.prefill(longPrompt, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 30);
    await expect(prefilling).rejects.toBe(reason);
    expect(sequence.length).toBeLessThan(longPrompt.length);
    await expectUsable();
  });

  it('between two batches keeps what was decoded', async () => {
    using narrow = await model.createContext({ contextSize: 256, batchSize: 16 });
    const controller = new AbortController();
    const onProgress = (done: number): void => {
      if (done === 32) controller.abort(reason);
    };
    const tokens = longPrompt.slice(0, 100);
    const prefilling = narrow.sequence().prefill(tokens, { signal: controller.signal, onProgress });
    await expect(prefilling).rejects.toBe(reason);
    expect(Array.from(narrow.sequence().tokens)).toEqual(tokens.slice(0, 32));
    expect(await narrow.sequence().prefill(tokens)).toBe(32);
  });

  it('ends the call that it was given to, and no other one of the context', async () => {
    const other = context.sequence(1);
    const controller = new AbortController();
    const prefilling = sequence.prefill(longPrompt.slice(0, 1500));
    const aborted = other.prefill(longPrompt.slice(0, 1500), { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 30);
    await expect(aborted).rejects.toBe(reason);
    await expect(prefilling).resolves.toBe(0);
    expect(sequence.length).toBe(1500);
  });
});
