import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnsupportedCacheError } from '../../src/errors.js';
import type { TinyArchitecture } from '../fixtures/tiny-architectures.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

let folder: string;
const file = (name: string): string => join(folder, `${name}.gguf`);
const attention: readonly TinyArchitecture[] = ['llama', 'qwen2', 'qwen3', 'qwen3moe', 'gemma3'];
/** lfm2 mixes attention with a short recurrent state that llama.cpp keeps snapshots of; mamba has no way back. */
const withWayBack: readonly TinyArchitecture[] = [...attention, 'lfm2'];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-engine-'));
  for (const architecture of [...withWayBack, 'mamba'] as const) {
    writeTinyModel(file(architecture), { architecture });
    writeTinyModel(file(`${architecture}-draft`), { architecture, noise: { seed: 1, relative: 0.1 } });
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

async function greedy(target: string, draft: string | undefined): ReturnType<typeof run> {
  return run(target, draft, 0);
}

async function run(target: string, draft: string | undefined, temperature: number, seed = 0) {
  const engine = await loadEngine(target, draft, { verifier: 'match', context: { contextSize: 256 } });
  try {
    const sampling = { temperature, topK: 30, topP: 0.95, repeatPenalty: 1.2, dryMultiplier: 0.5 };
    return await engine.generate('bada', { maxTokens: 100, seed, sampling, ignoreEos: true }).finish();
  } finally {
    await engine.dispose();
  }
}

describe.each(withWayBack)('an engine over %s', (architecture) => {
  it('says greedily with a draft what it says without', async () => {
    const plain = await greedy(file(architecture), undefined);
    const { tokens, stats } = await greedy(file(architecture), file(`${architecture}-draft`));
    expect(plain.tokens).toHaveLength(100);
    expect(tokens).toEqual(plain.tokens);
    expect(stats.draftTokens).toBeGreaterThan(0);
    expect(stats.rounds).toBeLessThan(100);
  });

  it('accepts every token of a draft that is the target itself', async () => {
    const { stats } = await greedy(file(architecture), file(architecture));
    expect(stats.acceptedTokens).toBe(stats.draftTokens);
    expect(stats.meanAcceptanceLength).toBeGreaterThan(4);
  });

  it('samples with match what plain decoding samples from the same seed', async () => {
    for (const seed of [1, 2, 3]) {
      const plain = await run(file(architecture), undefined, 0.9, seed);
      const speculative = await run(file(architecture), file(`${architecture}-draft`), 0.9, seed);
      expect(speculative.tokens).toEqual(plain.tokens);
    }
  });
});

describe('a recurrent state', () => {
  it('of lfm2 refuses a draft that is longer than it can go back', async () => {
    const creating = loadEngine(file('lfm2'), file('lfm2'), {
      tree: 'chain:4',
      context: { rollbackTokens: 2 },
    });
    await expect(creating).rejects.toThrow(/at most 2 tokens/);
  });

  it('of mamba refuses drafts, with the reason, and decodes plainly', async () => {
    await expect(loadEngine(file('mamba'), file('mamba'))).rejects.toThrow(UnsupportedCacheError);
    expect((await greedy(file('mamba'), undefined)).tokens).toHaveLength(100);
  });

  it('drafts chains where the default would be a tree', async () => {
    const engine = await loadEngine(file('lfm2'), file('lfm2-draft'), { verifier: 'naive', tree: 'auto:8' });
    const shapes: string[] = [];
    const options = { maxTokens: 60, sampling: { temperature: 1, topK: 30 }, seed: 1, ignoreEos: true };
    for await (const event of engine.generate('bada', options)) {
      if (event.type === 'round') shapes.push(event.draft?.tree.parents.join() ?? '');
    }
    await engine.dispose();
    expect(shapes.length).toBeGreaterThan(8);
    expect(shapes.every((parents) => '-1,0,1,2,3,4,5,6'.startsWith(parents))).toBe(true);
    await expect(
      loadEngine(file('lfm2'), file('lfm2-draft'), { verifier: 'naive', tree: 'dynamic:8' }),
    ).rejects.toThrow(/cannot branch/);
  });

  it('drafts with the model alone where branches would come from suffix', async () => {
    for (const [architecture, name] of [
      ['lfm2', 'model'],
      ['llama', 'model+suffix'],
    ] as const) {
      const engine = await loadEngine(file(architecture), file(`${architecture}-draft`), { guard: true });
      expect(engine.drafterName).toBe(name);
      expect(engine.contextInfo.maxLeaves).toBeLessThanOrEqual(8);
      const options = { maxTokens: 40, sampling: { temperature: 0 }, ignoreEos: true };
      const { tokens } = await engine.generate('bada', options).finish();
      expect(tokens).toHaveLength(40);
      await engine.dispose();
    }
    for (const options of [
      { tree: 'auto:12' },
      { verifier: 'traversal' },
      { draftDraws: 'argmax' },
    ] as const) {
      const engine = await loadEngine(file('llama'), file('llama-draft'), { guard: true, ...options });
      expect(engine.drafterName).toBe('model');
      expect(engine.contextInfo.maxLeaves).toBe('tree' in options ? 12 : 8);
      await engine.dispose();
    }
  });

  it('of mamba drafts for another model', async () => {
    const plain = await greedy(file('llama'), undefined);
    const { tokens, stats } = await greedy(file('llama'), file('mamba'));
    expect(tokens).toEqual(plain.tokens);
    expect(stats.draftTokens).toBeGreaterThan(100);
  });

  it('of lfm2 gives on a second prompt that shares a prefix what it gives on a fresh one', async () => {
    const options = { maxTokens: 30, ignoreEos: true, sampling: { temperature: 0 } };
    const used = await loadEngine(file('lfm2'), file('lfm2-draft'), { context: { contextSize: 256 } });
    const fresh = await loadEngine(file('lfm2'), undefined, { context: { contextSize: 256 } });
    const { tokens } = await used.generate([1, 270, 271, 272], options).finish();
    for (const kept of [20, 27, 29]) {
      const prompt = [1, 270, 271, 272, ...tokens.slice(0, kept), 300];
      const expected = await fresh.generate(prompt, options).finish();
      expect((await used.generate(prompt, options).finish()).tokens).toEqual(expected.tokens);
      await fresh.sequence.truncate(0);
    }
    await Promise.all([used.dispose(), fresh.dispose()]);
  });
});
