// The law of the first tokens after a long prompt, where a thinned target drafts and a dense batch rechecks.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { TokenId } from '../../src/types.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext, loadEngine } from '../helpers/engines.js';
import { report } from '../helpers/report.js';
import { takeRows } from '../helpers/rows.js';
import { holm, testAgainstLaw } from '../statistics/chi-square.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-sparse-law-'));
const file = (name: string): string => join(folder, `${name}.gguf`);
const shape = { contextLength: 2048, headDim: 64, heads: 4, kvHeads: 2, layers: 2 };
const context = { contextSize: 1024 };
const prompt = [1, ...Array.from({ length: 599 }, (_, index) => 270 + ((index * 13 + (index >> 3)) % 50))];
const sampling = { topK: 4, repeatPenalty: 1.1 };
const numSamples = 5000;
const length = 3;
const attention = { tokens: 128, localTokens: 32 };

beforeAll(() => {
  writeTinyModel(file('target'), shape);
  writeTinyModel(file('draft'), { ...shape, noise: { seed: 1, relative: 0.1 } });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Probabilities of all outcomes, by decoding each beginning densely. */
async function denseLaw(): Promise<Map<string, number>> {
  using model = await loadModel(file('target'), { gpu: 'off' });
  using owner = await model.createContext({ ...exactContext, ...context });
  const sequence = owner.sequence();
  const sampler = new Sampler(sampling);
  const law = new Map<string, number>();
  const visit = async (history: readonly TokenId[], probability: number): Promise<void> => {
    if (history.length === length) {
      law.set(history.join(' '), probability);
      return;
    }
    const all = [...prompt, ...history];
    await sequence.prefill(all.slice(0, -1));
    const row = takeRows(await sequence.decode({ tokens: all.slice(-1), sampler }))[0]!;
    for (const [index, token] of row.ids.entries())
      await visit([...history, token], probability * row.probs[index]!);
  };
  await visit([], 1);
  return law;
}

async function pValueOf(
  options: Omit<EngineOptions, 'target' | 'draft'>,
  hasDraft: boolean,
  law: Map<string, number>,
) {
  const draft = hasDraft ? file('draft') : undefined;
  const engine = await loadEngine(file('target'), draft, { context, measureSpeedup: false, ...options });
  const counts = new Map<string, number>();
  for (let seed = 0; seed < numSamples; seed++) {
    const request = { maxTokens: length, sampling, seed, ignoreEos: true };
    const key = (await engine.generate(prompt, request).finish()).tokens.join(' ');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  await engine.dispose();
  engine.target.dispose();
  return testAgainstLaw(counts, law).pValue;
}

describe('the law of the first three tokens', () => {
  it('is that of the dense target with a recheck, and is not without', { timeout: 3_600_000 }, async () => {
    const law = await denseLaw();
    const rechecked = { attention, recheckTokens: 4 };
    const rows = [
      { method: 'no draft model', p: await pValueOf({ sparse: rechecked }, false, law) },
      { method: 'chain:2, block', p: await pValueOf({ tree: 'chain:2', sparse: rechecked }, true, law) },
      {
        method: 'static:2,1, traversal',
        p: await pValueOf({ tree: 'static:2,1', sparse: rechecked }, true, law),
      },
      {
        method: 'chain:2, rejection',
        p: await pValueOf({ tree: 'chain:2', verifier: 'rejection', sparse: rechecked }, true, law),
      },
    ];
    const lossy = await pValueOf(
      { tree: 'chain:2', sparse: { attention, recheck: 'off', auditEvery: 0 } },
      true,
      law,
    );
    report('Chi-square of the first three tokens after 600, 5,000 samples', [
      ...rows,
      { method: 'chain:2, no recheck', p: lossy },
    ]);
    expect(
      holm(
        rows.map(({ p }) => p),
        1e-3,
      ),
    ).toEqual(rows.map(() => false));
    expect(lossy).toBeLessThan(1e-6);
  });
});
