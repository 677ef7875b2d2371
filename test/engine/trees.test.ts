// Trees through the whole stack on tiny models: greedy tokens, seeds, limits.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationResult } from '../../src/engine/decode-loop.js';
import type { EngineOptions, GenerateOptions } from '../../src/engine/options.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

let folder: string;
const file = (name: string): string => join(folder, `${name}.gguf`);
const maxTokens = 40;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-trees-'));
  writeTinyModel(file('target'));
  writeTinyModel(file('draft'), { noise: { seed: 1, relative: 0.1 } });
});
afterAll(() => rmSync(folder, { recursive: true }));

async function generate(
  engineOptions: Omit<EngineOptions, 'target' | 'draft'> | undefined,
  options: GenerateOptions,
): Promise<GenerationResult> {
  const draft = engineOptions === undefined ? undefined : file('draft');
  const engine = await loadEngine(file('target'), draft, { measureSpeedup: false, ...engineOptions });
  const result = await engine.generate('bada dugo', { maxTokens, ignoreEos: true, ...options }).finish();
  await engine.dispose();
  engine.target.dispose();
  return result;
}

const shapes = [
  'static:3',
  'static:2,2,1',
  'static:1,1,3,1',
  'dynamic:8',
  'sequoia:8',
  'dyspec:8',
  'eagle-2:8',
  'opt-tree:8',
  'auto:8',
];
const treeRules = ['auto', 'naive', 'recursive', 'traversal'];

describe('a tree', () => {
  it.each(shapes.flatMap((tree) => treeRules.map((verifier) => ({ tree, verifier }))))(
    '$tree with $verifier says greedily what plain decoding says',
    async ({ tree, verifier }) => {
      const greedy = { sampling: { temperature: 0 } };
      const plain = await generate(undefined, greedy);
      const { tokens, stats } = await generate({ tree, verifier }, greedy);
      expect(tokens).toEqual(plain.tokens);
      expect(stats.acceptedTokens).toBeGreaterThan(0);
      expect(stats.rounds).toBeLessThan(maxTokens);
    },
  );

  it.each(shapes)('%s with naive says for a seed what plain decoding says', async (tree) => {
    const seeded = { sampling: { temperature: 1 }, seed: 3 };
    const plain = await generate(undefined, seeded);
    const { tokens, stats } = await generate({ tree, verifier: 'naive' }, seeded);
    expect(tokens).toEqual(plain.tokens);
    expect(stats.acceptedTokens).toBeGreaterThan(0);
  });

  it.each(['k-seq', 'greedy-multi-draft', 'recursive', 'traversal'])(
    'repeats itself under a seed with %s',
    async (verifier) => {
      const seeded = { sampling: { temperature: 1 }, seed: 4 };
      const options = { tree: 'static:2,2', verifier };
      const { tokens, stats, lossless } = await generate(options, seeded);
      expect((await generate(options, seeded)).tokens).toEqual(tokens);
      expect(lossless).toBe(true);
      expect(stats.acceptedTokens).toBeGreaterThan(0);
    },
  );

  it('is cut where the context ends', async () => {
    const context = { contextSize: 256 };
    const { finishReason, tokens, stats } = await generate(
      { tree: 'static:3,2,2', context },
      { maxTokens: 1000, sampling: { temperature: 0 } },
    );
    expect(finishReason).toBe('length');
    expect(tokens.length + stats.promptTokens).toBe(257);
  });
});

describe('pareto', () => {
  it('says that it is lossy and what it spent', async () => {
    const options = { tree: 'chain:4', verifier: 'pareto' };
    const spent = async (epsilon: number): Promise<GenerationResult> =>
      generate({ ...options, epsilon }, { sampling: { temperature: 1 } });
    const [strict, loose] = [await spent(0), await spent(0.3)];
    expect([strict.lossless, loose.lossless]).toEqual([true, false]);
    expect(strict.stats.bias).toBe(0);
    expect(loose.stats.bias).toBeGreaterThan(0);
    expect(loose.stats.acceptanceRate).toBeGreaterThan(strict.stats.acceptanceRate);
  });

  it('needs to be told how much', async () => {
    await expect(generate({ verifier: 'pareto' }, {})).rejects.toThrow(/Expected epsilon/);
    await expect(generate({ verifier: 'pareto', epsilon: 2 }, {})).rejects.toThrow(/\[0, 1\] for epsilon/);
  });
});
