// Generations whose target leaves out most of a long context while it verifies.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineOptions } from '../../src/engine/options.js';
import { IncompatibleMethodsError, UnsupportedCacheError } from '../../src/errors.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-sparse-'));
const file = (name: string): string => join(folder, `${name}.gguf`);
const architectures = ['llama', 'qwen3', 'qwen3moe', 'gemma3'] as const;
const shape = { contextLength: 2048, headDim: 64, heads: 4, kvHeads: 2, layers: 3, slidingWindow: 32 };
const context = { contextSize: 1024 };
const attention = { tokens: 256, localTokens: 32 };
const prompt = [1, ...Array.from({ length: 649 }, (_, index) => 270 + ((index * 13 + (index >> 3)) % 50))];

beforeAll(() => {
  for (const architecture of architectures) {
    writeTinyModel(file(architecture), { architecture, ...shape });
    writeTinyModel(file(`${architecture}-draft`), {
      architecture,
      ...shape,
      noise: { seed: 1, relative: 0.05 },
    });
  }
  writeTinyModel(file('mamba'), { architecture: 'mamba' });
  writeTinyModel(file('mamba-draft'), { architecture: 'mamba', noise: { seed: 1, relative: 0.05 } });
});
afterAll(() => rmSync(folder, { recursive: true }));

type Options = Omit<EngineOptions, 'target' | 'draft'>;

async function generate(
  architecture: string,
  hasDraft: boolean,
  options: Options,
  temperature = 0,
  seed = 0,
) {
  const draft = hasDraft ? file(`${architecture}-draft`) : undefined;
  const engine = await loadEngine(file(architecture), draft, { context, measureSpeedup: false, ...options });
  const generating = engine.generate(prompt, {
    maxTokens: 60,
    sampling: { temperature },
    seed,
    ignoreEos: true,
  });
  const result = await generating.finish();
  await engine.dispose();
  engine.target.dispose();
  return result;
}

describe('sparse attention with a dense recheck', () => {
  it.each(architectures)('says greedily what plain decoding says: %s', async (architecture) => {
    const plain = await generate(architecture, false, {});
    for (const [hasDraft, tree] of [
      [false, undefined],
      [true, 'chain:4'],
      [true, 'dynamic:8'],
    ] as const) {
      const options = { tree, sparse: { attention, recheckTokens: 8 } };
      const rechecked = await generate(architecture, hasDraft, options);
      expect(rechecked.tokens).toEqual(plain.tokens);
      expect(rechecked.lossless).toBe(true);
      expect(rechecked.sparse).toBeUndefined();
      // Drafts come from the thinned target, which is not always right, and more than the inner drafter's.
      expect(rechecked.stats.acceptedTokens).toBeGreaterThan(10);
      expect(rechecked.stats.draftTokens / rechecked.stats.rounds).toBeGreaterThan(6);
    }
  });

  it('tells how its tokens fared, and those of the drafter within', async () => {
    const sparse = { attention, recheckTokens: 8 };
    const { recheck, stats } = await generate('llama', true, { tree: 'chain:4', sparse }, 1);
    expect(recheck!.rechecks).toBe(stats.rounds);
    expect(recheck!.interval).toBeCloseTo(stats.draftTokens / stats.rounds, 12);
    expect(recheck!.acceptanceRate).toBeCloseTo(stats.acceptanceRate, 12);
    expect(recheck!.innerAcceptanceRate).toBeGreaterThan(0.2);
    expect(recheck!.innerAcceptanceRate).toBeLessThan(1);
    const innerTokens = recheck!.innerRounds * recheck!.innerMeanAcceptanceLength;
    expect(innerTokens).toBeCloseTo(stats.draftTokens, 9);
    const usual = await generate('llama', true, { tree: 'chain:4', sparse: { attention } });
    expect(usual.recheck!.interval).toBeGreaterThan(12);
    expect(usual.recheck!.interval).toBeLessThanOrEqual(16);
    const alone = await generate('llama', false, { sparse }, 1);
    expect(alone.recheck).toMatchObject({ innerAcceptanceRate: 0, innerMeanAcceptanceLength: 1 });
    const lossy = { attention, recheck: 'off' } as const;
    expect((await generate('llama', true, { sparse: lossy }, 1)).recheck).toBeUndefined();
  });

  it.each([true, false])(
    'says what plain decoding says under the guard, with a drafter: %s',
    async (hasDraft) => {
      const plain = await generate('llama', false, {});
      const sparse = { attention };
      const guarded = await generate('llama', hasDraft, { tree: 'chain:4', guard: true, sparse });
      expect(guarded.tokens).toEqual(plain.tokens);
      expect(guarded.lossless).toBe(true);
      expect(['plain', 'speculating']).toContain(guarded.stats.guard.state);
      expect(guarded.stats.guard.reason).toMatch(/a recheck every \d+ tokens is expected to be \d/);
    },
  );

  it('hands the drafts of a short context straight to the target', async () => {
    const options = { tree: 'chain:4' };
    const dense = await generate('llama', true, options, 1);
    const sparse = { attention: 1024, recheckTokens: 8 };
    const rechecked = await generate('llama', true, { ...options, sparse }, 1);
    expect(rechecked.tokens).toEqual(dense.tokens);
    expect(rechecked.stats.draftTokens).toBe(dense.stats.draftTokens);
  });

  it('repeats under a seed, and differs under another', async () => {
    const options = { tree: 'chain:4', sparse: { attention, recheckTokens: 8 } };
    const first = await generate('llama', true, options, 1, 7);
    const second = await generate('llama', true, options, 1, 7);
    const other = await generate('llama', true, options, 1, 8);
    expect(second.tokens).toEqual(first.tokens);
    expect(other.tokens).not.toEqual(first.tokens);
  });
});

describe('sparse attention without recheck', () => {
  it('says that it is lossy, and by how much', async () => {
    const sparse = { attention, recheck: 'off', auditEvery: 4 } as const;
    const thinned = await generate('llama', true, { tree: 'chain:4', sparse }, 1);
    expect(thinned.lossless).toBe(false);
    expect(thinned.sparse).toMatchObject({
      rounds: thinned.stats.rounds,
      audits: Math.ceil(thinned.stats.rounds / 4),
    });
    expect(thinned.sparse!.auditedRows).toBe(5 * thinned.sparse!.audits);
    expect(thinned.sparse!.totalVariation).toBeGreaterThan(0.01);
    expect(thinned.sparse!.totalVariation).toBeLessThan(1);
    expect(thinned.sparse!.divergence).toBeGreaterThan(0);
    expect(thinned.sparse!.topAgreement).toBeGreaterThan(0.1);
  });

  it('compares each batch where it is asked to, and none otherwise', async () => {
    const sparse = (auditEvery: number) => ({ attention, recheck: 'off', auditEvery }) as const;
    const each = await generate('llama', true, { tree: 'chain:4', sparse: sparse(1) });
    expect(each.sparse!.audits).toBe(each.stats.rounds);
    const none = await generate('llama', true, { tree: 'chain:4', sparse: sparse(0) });
    expect(none.tokens).toEqual(each.tokens);
    expect(none.sparse).toMatchObject({ rounds: none.stats.rounds, audits: 0, totalVariation: null });
  });

  it('finds no difference where the budget is the context, and is lossless below it', async () => {
    const dense = await generate('llama', true, { tree: 'chain:4' }, 1);
    const whole = { attention: { tokens: 600, ratio: 1 }, recheck: 'off', auditEvery: 1 } as const;
    const same = await generate('llama', true, { tree: 'chain:4', sparse: whole }, 1);
    expect(same.tokens).toEqual(dense.tokens);
    expect(same.lossless).toBe(false);
    expect(same.sparse).toMatchObject({ totalVariation: 0, topAgreement: 1, divergence: 0 });
    const short = await generate(
      'llama',
      true,
      { tree: 'chain:4', sparse: { attention: 800, recheck: 'off' } },
      1,
    );
    expect(short.tokens).toEqual(dense.tokens);
    expect(short.lossless).toBe(true);
    expect(short.sparse).toBeUndefined();
  });
});

describe('sparse verification that is chosen by measured times', () => {
  it('tells what it left out of which batches, and why', async () => {
    const sparse = { policy: 'auto', attention, recheck: 'off' } as const;
    const {
      sparseDecisions,
      sparse: audited,
      stats,
    } = await generate('llama', true, { tree: 'chain:4', sparse });
    const { dense = 0, attention: thinned = 0 } = sparseDecisions!.batches;
    expect(dense + thinned).toBe(stats.rounds);
    expect(dense).toBeGreaterThan(0);
    expect(audited?.rounds ?? 0).toBe(thinned);
    expect(sparseDecisions!.reason).toMatch(/^(dense|attention): /);
  });

  it('chooses what the model has where no part is named', async () => {
    const sparse = { policy: 'auto', recheck: 'off' } as const;
    const { sparseDecisions, lossless } = await generate('qwen3moe', true, { tree: 'chain:4', sparse });
    // The context is shorter than the default budget, and there is no calibration of its experts.
    expect(sparseDecisions!.batches).toEqual({});
    expect(lossless).toBe(true);
    const bare = await loadEngine(file('mamba'), undefined, { sparse: { policy: 'auto' } });
    expect(bare.notes).toEqual(['Verification stays dense: nothing can be left out of this model.']);
    await bare.dispose();
  });

  it('is exact with a recheck', async () => {
    const plain = await generate('llama', false, {});
    const sparse = { policy: 'auto', attention, recheckTokens: 8 } as const;
    const rechecked = await generate('llama', true, { tree: 'chain:4', sparse });
    expect(rechecked.tokens).toEqual(plain.tokens);
    expect(rechecked.lossless).toBe(true);
  });
});

describe('sparse options that make no sense', () => {
  it.each([
    [
      { attention: 0 },
      'Expected an integer in [1, 2147483647] for the tokens of sparse attention but received 0',
    ],
    [{ attention: -5 }, 'but received -5'],
    [
      { attention: { tokens: 256, ratio: 2 } },
      'Expected a number in [0, 1] for the ratio of sparse attention but received 2',
    ],
    [{ attention: { tokens: 256, blockSize: 24 } }, 'for blockSize but received 24'],
    [{ attention: { tokens: 256, anchors: [0, 3] } }, 'Expected layers in [0, 3) for anchors but received 3'],
    [{ attention: { tokens: 256, anchors: [1, 1] } }, 'for a layer of anchors but received 1'],
    [{ attention: 256, recheckTokens: 1 }, 'for recheckTokens but received 1'],
    [{ attention: 256, auditEvery: -1 }, 'for auditEvery but received -1'],
  ])('%j', async (sparse, message) => {
    await expect(generate('llama', true, { sparse })).rejects.toThrow(message);
    await expect(generate('llama', true, { sparse })).rejects.toThrow(RangeError);
  });

  it('are refused where an audit has nothing to compare', async () => {
    const sparse = { attention: 256, auditEvery: 1 };
    await expect(generate('llama', true, { sparse })).rejects.toThrow(
      'Expected the sparse recheck off with auditEvery',
    );
  });

  it('are refused with the reason where nothing can be left out', async () => {
    const sparse = { attention: 256 } as const;
    await expect(generate('mamba', false, { sparse, context: {} })).rejects.toThrow(UnsupportedCacheError);
    await expect(generate('mamba', false, { sparse, context: {} })).rejects.toThrow(
      'Nothing of the attention of a mamba model can be left out',
    );
    await expect(generate('llama', false, { sparse: { attention: 256, recheck: 'off' } })).rejects.toThrow(
      IncompatibleMethodsError,
    );
  });
});
