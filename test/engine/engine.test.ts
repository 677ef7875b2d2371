import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineOptions, GenerateOptions } from '../../src/engine/options.js';
import { DisposedError, IncompatibleMethodsError, UnsupportedCacheError } from '../../src/errors.js';
import type { SamplingParams } from '../../src/types.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { markUnused } from '../fixtures/gguf-rewrite.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';
import { FakeDrafter } from '../helpers/fake-engine.js';

let folder: string;
const file = (name: string): string => join(folder, `${name}.gguf`);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-engine-'));
  const noise = { seed: 1, relative: 0.1 };
  writeTinyModel(file('target'));
  writeTinyModel(file('draft'), { noise });
  writeTinyModel(file('mamba'), { architecture: 'mamba' });
  writeTinyModel(file('large'), { vocabSize: 324 });
  writeTinyModel(file('large-draft'), { vocabSize: 324, noise });
  markUnused(file('large'), file('padded'), 320);
  markUnused(file('large-draft'), file('padded-draft'), 320);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function generate(
  target: string,
  draft: string | undefined,
  options: GenerateOptions,
  engineOptions: Omit<EngineOptions, 'target' | 'draft'> = {},
) {
  const draftFile = draft === undefined ? undefined : file(draft);
  const engine = await loadEngine(file(target), draftFile, {
    context: { contextSize: 256 },
    ...engineOptions,
  });
  try {
    return await engine.generate('bada bada', { ignoreEos: true, maxTokens: 80, ...options }).finish();
  } finally {
    await engine.dispose();
    engine.target.dispose();
  }
}

describe('an engine that samples', () => {
  const everything: SamplingParams = {
    temperature: 0.9,
    topK: 40,
    topP: 0.95,
    repeatPenalty: 1.1,
    frequencyPenalty: 0.2,
    presencePenalty: 0.2,
    penaltyLastN: 32,
    dryMultiplier: 0.8,
  };

  it.each([11, 12, 13, 14, 15, 16])(
    'with match and every sampling parameter says from seed %i what it says without a draft',
    async (seed) => {
      const options = { seed, sampling: everything };
      const plain = await generate('target', undefined, options);
      const drafted = await generate('target', 'draft', options, { verifier: 'match' });
      expect(drafted.tokens).toEqual(plain.tokens);
      expect(drafted.stats.acceptedTokens).toBeGreaterThan(0);
    },
  );

  it('says something else from another seed', async () => {
    const one = await generate('target', undefined, { seed: 1 });
    const other = await generate('target', undefined, { seed: 2 });
    expect(one.tokens).not.toEqual(other.tokens);
  });

  it.each(['rejection', 'block'])(
    'with %s repeats itself from a seed where nothing is measured',
    async (verifier) => {
      const run = () => generate('target', 'draft', { seed: 5 }, { verifier, measureSpeedup: false });
      const { tokens, stats } = await run();
      expect((await run()).tokens).toEqual(tokens);
      expect(stats.acceptedTokens).toBeGreaterThan(0);
      expect(stats.acceptanceRate).toBeLessThan(1);
    },
  );

  it.each(['match', 'rejection', 'block'])(
    'with %s accepts all of a draft that is the target',
    async (verifier) => {
      const options = { verifier, draftDraws: verifier === 'match' ? 'argmax' : 'sampled' } as const;
      const sampling = { temperature: verifier === 'match' ? 0 : 1 };
      const { stats } = await generate('target', 'target', { sampling }, options);
      expect(stats.draftTokens).toBeGreaterThan(50);
      expect(stats.acceptedTokens).toBe(stats.draftTokens);
    },
  );

  it('says with a verifier of the caller what it says with the built-in one', async () => {
    const verifier = new MatchVerifier();
    const own = await generate('target', 'draft', { seed: 3 }, { verifier });
    expect(own.tokens).toEqual(
      (await generate('target', 'draft', { seed: 3 }, { verifier: 'match' })).tokens,
    );
  });
});

describe('vocabularies that differ by padding', () => {
  const greedy = { sampling: { temperature: 0 } };

  it('of a target that says padding tokens leave out the draft after them', async () => {
    const sampling = { temperature: 0, logitBias: new Map([[323, 4]]) };
    const { tokens, stats } = await generate('padded', 'target', { sampling });
    expect(tokens).toEqual((await generate('padded', undefined, { sampling })).tokens);
    expect(tokens.some((token) => token >= 320)).toBe(true);
    expect(stats.draftTokens).toBeGreaterThan(0);
  });

  it('of a draft keep its padding tokens out of the target', async () => {
    const { tokens, stats } = await generate('target', 'padded-draft', greedy);
    expect(tokens).toEqual((await generate('target', undefined, greedy)).tokens);
    expect(stats.draftTokens).toBeGreaterThan(0);
  });
});

describe('createEngine', () => {
  it('refuses a sampled drafter without draft probabilities for a verifier that needs them', async () => {
    const drafter = new FakeDrafter();
    const sampled = Object.defineProperty(drafter, 'siblings', { value: 'withReplacement' });
    const refused = loadEngine(file('target'), undefined, { drafter: sampled, verifier: 'block' });
    await expect(refused).rejects.toThrow(IncompatibleMethodsError);
    await expect(
      loadEngine(file('target'), undefined, { drafter: sampled, verifier: 'block' }),
    ).rejects.toThrow(/block needs draft probabilities/);
  });

  it('refuses a verifier that is not lossless for how the drafter draws siblings', async () => {
    const drafter = new FakeDrafter();
    const refused = loadEngine(file('target'), undefined, { drafter, verifier: 'k-seq' });
    await expect(refused).rejects.toThrow(IncompatibleMethodsError);
    await expect(loadEngine(file('target'), undefined, { drafter, verifier: 'k-seq' })).rejects.toThrow(
      /withReplacement, but the drafter fake draws them deterministic\. Use the verifier traversal/,
    );
  });

  it.each([
    ['block', 'static:2,1', /block works on chains, .* Use the verifier traversal/],
    ['rejection', 'dynamic:4', /rejection works on chains/],
    ['greedy-multi-draft', 'dynamic:4', /needs to know the siblings of a draft before they are drawn/],
    ['k-seq', 'dyspec:4', /Use sequoia:N, static:WIDTHS or chain:N/],
  ])('refuses %s with %s and names what works', async (verifier, tree, message) => {
    const refused = loadEngine(file('target'), file('draft'), { verifier, tree });
    await expect(refused).rejects.toThrow(IncompatibleMethodsError);
    await expect(loadEngine(file('target'), file('draft'), { verifier, tree })).rejects.toThrow(message);
  });

  it.each(['rejection', 'block', 'k-seq', 'greedy-multi-draft'])(
    'drafts chains for %s by default',
    async (verifier) => {
      const engine = await loadEngine(file('target'), file('draft'), { verifier });
      const { stats } = await engine
        .generate('bada', { maxTokens: 40, sampling: { temperature: 1 } })
        .finish();
      await engine.dispose();
      expect(stats.draftTokens).toBeGreaterThan(0);
    },
  );

  it('asks a drafter of the caller for as much as it proposes, or as little as the tree allows', async () => {
    for (const [tree, expected] of [
      [undefined, 6],
      ['chain:2', 2],
    ] as const) {
      const drafter = Object.defineProperty(new FakeDrafter((history) => history.at(-2)!), 'maxNodes', {
        value: 6,
      });
      await generate('target', undefined, {}, { drafter, tree });
      expect(Math.max(...drafter.requests.map(({ maxNodes }) => maxNodes))).toBe(expected);
    }
  });

  it('takes a drafter of the caller, whose drafts never change the output', async () => {
    const drafter = new FakeDrafter((history) => history.at(-2)!);
    const { tokens, stats } = await generate('target', undefined, {}, { drafter });
    expect(tokens).toEqual((await generate('target', undefined, {})).tokens);
    expect(stats.draftTokens).toBeGreaterThan(0);
  });

  it('says why a model that cannot go back takes no draft, and what to do', async () => {
    const refused = loadEngine(file('mamba'), file('target'));
    await expect(refused).rejects.toThrow(UnsupportedCacheError);
    await expect(loadEngine(file('mamba'), file('target'))).rejects.toThrow(/mamba.*drafter none/s);
  });

  it.each<[string, object]>([
    ['minDraftProbability', { minDraftProbability: 1.5 }],
    ['draftDraws', { draftDraws: 'all' }],
    ['draftTemperature', { draftTemperature: 0 }],
    ['draftTemperature', { draftTemperature: -1 }],
    ['drafter', { drafter: 'guess' }],
    ['verifier', { verifier: 'guess' }],
    ['measureSpeedup', { measureSpeedup: 'yes' }],
    ['contextSize', { context: { contextSize: 0 } }],
    ['kvCells', { context: { kvCells: 5 } }],
  ])('names %s when it cannot use what it received', async (name, options) => {
    await expect(loadEngine(file('target'), file('draft'), options)).rejects.toThrow(name);
  });
});

describe('the life of an engine', () => {
  it('goes on after a generation was refused for its options', async () => {
    const engine = await loadEngine(file('target'), undefined);
    expect(() => engine.generate('bada', { stop: 'END' as never })).toThrow(/array of strings for stop/);
    expect(() => engine.generate('bada', { ignoreEos: 'yes' as never })).toThrow(/ignoreEos/);
    expect(() => engine.generate('bada', { parseSpecial: 1 as never })).toThrow(/parseSpecial/);
    expect((await engine.generate('bada', { maxTokens: 3 }).finish()).tokens).toHaveLength(3);
    await engine.dispose();
  });

  it('ends once, however often it is disposed', async () => {
    const engine = await loadEngine(file('target'), file('draft'));
    await Promise.all([engine.dispose(), engine.dispose()]);
    await engine.dispose();
    expect(() => engine.generate('bada')).toThrow(DisposedError);
  });

  it('ends before a generation that was made and not started', async () => {
    const engine = await loadEngine(file('target'), undefined);
    const generation = engine.generate('bada');
    await engine.dispose();
    await expect(generation.finish()).rejects.toThrow(DisposedError);
  });

  it('stops at an abort in the middle of a long prompt, and then takes the prompt', async () => {
    const options = { contextSize: 512, batchSize: 8 };
    const engine = await loadEngine(file('target'), file('draft'), { context: options });
    const prompt = Array.from({ length: 400 }, (_, index) => 262 + (index % 50));
    const controller = new AbortController();
    const reason = new Error('enough');
    const generation = engine.generate(prompt, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 1);
    await expect(generation.finish()).rejects.toBe(reason);
    expect(generation.result.tokens).toEqual([]);
    expect((await engine.generate(prompt, { maxTokens: 5, ignoreEos: true }).finish()).tokens).toHaveLength(
      5,
    );
    await engine.dispose();
  });

  it('shares its models with another engine that generates at the same time', async () => {
    const engines = await Promise.all([1, 2].map(() => loadEngine(file('target'), file('draft'))));
    const options = { maxTokens: 40, ignoreEos: true, sampling: { temperature: 0 } };
    const results = await Promise.all(engines.map((engine) => engine.generate('bada', options).finish()));
    expect(results[0]!.tokens).toEqual(results[1]!.tokens);
    await Promise.all(engines.map((engine) => engine.dispose()));
  });
});
