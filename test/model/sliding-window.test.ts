// Going back in a sliding window: cells outside the window now are inside it again then.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import type { TokenId } from '../../src/types.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext } from '../helpers/engines.js';
import { decodeChain, rowDistance, takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-window-'));
/** This model's own rows differ by so much with the size of a batch: its activation is a table. */
const tolerance = 1e-3;
const prompt = Array.from({ length: 80 }, (_, index) => 262 + ((index * 7) % 50));
let model: Model;
const contexts: Context[] = [];

async function newSequence(): Promise<Sequence> {
  const context = await model.createContext({ ...exactContext, contextSize: 256 });
  contexts.push(context);
  return context.sequence();
}

async function expectFresh(sequence: Sequence): Promise<void> {
  const tokens: TokenId[] = Array.from(sequence.tokens);
  const fresh = await newSequence();
  await fresh.prefill(tokens);
  const [row, expected] = [await decodeChain(sequence, [277]), await decodeChain(fresh, [277])];
  expect(rowDistance(row, expected)).toBeLessThan(tolerance);
  await sequence.truncate(tokens.length);
}

beforeAll(async () => {
  const path = join(folder, 'windowed.gguf');
  writeTinyModel(path, { architecture: 'gemma3', slidingWindow: 8, vocabSize: 320 });
  model = await loadModel(path, { gpu: 'off' });
});
afterAll(() => {
  for (const context of contexts) context.dispose();
  model.dispose();
  rmSync(folder, { recursive: true });
});

describe('a sliding window', () => {
  it('is whole wherever a sequence goes back to, after a branch was kept behind free cells', async () => {
    const sequence = await newSequence();
    await sequence.prefill(prompt);
    const star = { tokens: prompt.slice(0, 16), parents: new Array<number>(16).fill(-1) };
    takeRows(await sequence.decode({ ...star, sampler: new Sampler() }));
    sequence.commit(15);
    for (let step = 0; step < 60; step++) await decodeChain(sequence, [262 + (step % 50)]);
    for (const length of [130, 110, 90, 84, 82, 81, 80, 40]) {
      await sequence.truncate(length);
      await expectFresh(sequence);
    }
  });

  it('is whole wherever a loaded sequence goes back to', async () => {
    const [saved, loaded] = [await newSequence(), await newSequence()];
    await saved.prefill(prompt);
    const state = join(folder, 'windowed.state');
    await saved.save(state);
    await loaded.load(state);
    await expectFresh(loaded);
    for (const length of [79, 60, 20]) {
      expect(await loaded.prefill(prompt.slice(0, length))).toBe(length);
      await expectFresh(loaded);
    }
  });
});
