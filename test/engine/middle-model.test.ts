// Generations with a model between drafter and target.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import type { EngineOptions, GenerateOptions } from '../../src/engine/options.js';
import { SequenceTarget } from '../../src/engine/target.js';
import { IncompatibleMethodsError, UnsupportedCacheError, VocabMismatchError } from '../../src/errors.js';
import { loadModels } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import { markUnused } from '../fixtures/gguf-rewrite.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext } from '../helpers/engines.js';
import { rowDistance } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-middle-'));
const file = (name: string): string => join(folder, `${name}.gguf`);
const architectures = ['llama', 'gemma3'] as const;
const prompt = [1, 300, 270, 281, 300, 270];

beforeAll(() => {
  for (const architecture of architectures) {
    const shape = { architecture, canEnd: true, slidingWindow: 16 };
    writeTinyModel(file(architecture), shape);
    writeTinyModel(file(`${architecture}-middle`), { ...shape, noise: { seed: 1, relative: 0.1 } });
    writeTinyModel(file(`${architecture}-draft`), { ...shape, noise: { seed: 2, relative: 0.3 } });
  }
  for (const architecture of ['mamba', 'lfm2'] as const) writeTinyModel(file(architecture), { architecture });
  writeTinyModel(file('other-words'), { vocabSize: 400 });
  writeTinyModel(file('large'), { vocabSize: 324, noise: { seed: 1, relative: 0.1 } });
  markUnused(file('large'), file('padded'), 320);
});
afterAll(() => rmSync(folder, { recursive: true }));

type Options = Omit<EngineOptions, 'target' | 'draft' | 'middle'>;
type Names = readonly [target: string, middle?: string, draft?: string];

async function engineOf([target, middle, draft]: Names, options: Options = {}): Promise<Engine> {
  const names = [target, middle, draft].filter((name) => name !== undefined);
  const models = await loadModels(names.map(file), { gpu: 'off' });
  const of = (name: string | undefined) => (name === undefined ? undefined : models[names.indexOf(name)]);
  try {
    return await createEngine({
      ...{ keepAcceptance: false, guard: false, measureSpeedup: false, ...options },
      context: { ...exactContext, contextSize: 256, ...options.context },
      ...{ target: of(target)!, middle: of(middle), draft: of(draft) },
    });
  } finally {
    // Contexts keep the weights; text needs the target.
    for (const model of models.slice(1)) if (model !== models[0]) model.dispose();
  }
}

async function generate(names: Names, options: Options, more: GenerateOptions) {
  const engine = await engineOf(names, options);
  try {
    return await engine.generate(prompt, { maxTokens: 60, ignoreEos: true, ...more }).finish();
  } finally {
    await engine.dispose();
    engine.target.dispose();
  }
}

const everything = {
  ...{ temperature: 0.9, topK: 40, topP: 0.95, repeatPenalty: 1.2, frequencyPenalty: 0.2 },
  ...{ presencePenalty: 0.2, penaltyLastN: 32, dryMultiplier: 0.8 },
};
const greedy = { sampling: { temperature: 0 } };

const drafters: readonly (readonly [string, Options, boolean])[] = [
  ['a chain of the draft model', { tree: 'chain:3' }, true],
  ['a tree of the draft model', { tree: 'dynamic:6' }, true],
  ['suffix', { drafter: 'suffix', tree: 'chain:4' }, false],
  ['token-recycling', { drafter: 'token-recycling' }, false],
  ['several drafters', { drafter: ['model', 'suffix', 'token-recycling'], tree: 'dynamic:6' }, true],
];

describe.each(architectures)('a middle model of %s', (architecture) => {
  const namesOf = (hasDraft: boolean): Names => [
    architecture,
    `${architecture}-middle`,
    hasDraft ? `${architecture}-draft` : undefined,
  ];

  it.each(drafters)('says with %s what plain decoding says', async (_, options, hasDraft) => {
    for (const more of [greedy, { sampling: everything, seed: 3 }]) {
      const plain = await generate([architecture], {}, more);
      const drafted = await generate(namesOf(hasDraft), { ...options, verifier: 'match' }, more);
      expect(drafted.tokens).toEqual(plain.tokens);
      expect(drafted.lossless).toBe(true);
      expect(drafted.stats.acceptedTokens).toBeGreaterThan(0);
    }
  });

  it.each(['rejection', 'block', 'traversal', 'recursive'])(
    'that is the target itself has all of its drafts accepted under %s',
    async (verifier) => {
      const names: Names = [architecture, architecture, `${architecture}-draft`];
      const options = { verifier, tree: 'dynamic:5' };
      const { stats } = await generate(names, options, { sampling: everything, seed: 1 });
      expect(stats.draftTokens).toBeGreaterThan(50);
      expect(stats.acceptedTokens).toBe(stats.draftTokens);
    },
  );
});

describe('a middle model', () => {
  const names: Names = ['llama', 'llama-middle', 'llama-draft'];

  it('drafts as many tokens as are asked for', async () => {
    const { stats } = await generate(names, { middleTokens: 5, tree: 'chain:2' }, { seed: 1 });
    expect(stats.acceptedPerPosition).toHaveLength(5);
    expect(stats.draftTokens / stats.rounds).toBeGreaterThan(4.5);
    expect(stats.acceptanceRate).toBeLessThan(1);
  });

  it('repeats itself from a seed, and not from another', async () => {
    const run = async (seed: number) => (await generate(names, { tree: 'chain:3' }, { seed })).tokens;
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
  });

  it('goes on after an abort in its midst as if nothing had been', async () => {
    const engine = await engineOf(names, { tree: 'chain:3', verifier: 'match' });
    const plain = await generate(['llama'], {}, greedy);
    const options = { maxTokens: 60, ignoreEos: true, ...greedy };
    for (const delay of [1, 4, 9]) {
      const signal = AbortSignal.timeout(delay);
      await engine
        .generate(prompt, { ...options, signal })
        .finish()
        .catch(() => undefined);
      expect((await engine.generate(prompt, options).finish()).tokens).toEqual(plain.tokens);
    }
    await engine.dispose();
    engine.target.dispose();
  });

  it('stops drafting where a smaller context of its own ends', async () => {
    const plain = await generate(['llama'], { context: { contextSize: 64 } }, greedy);
    const drafted = await generate(names, { context: { contextSize: 64 } }, greedy);
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(drafted.finishReason).toBe('length');
  });

  it('works under the guard', async () => {
    const plain = await generate(['llama'], {}, greedy);
    const guarded = await generate(names, { guard: true }, greedy);
    expect(guarded.tokens).toEqual(plain.tokens);
    expect(guarded.stats.guard.reason).not.toBe('');
  });

  it('drafts for a target that goes back by snapshots, no further than they reach', async () => {
    const context = { rollbackTokens: 4 };
    const plain = await generate(['lfm2'], {}, greedy);
    const options = { context, middleTokens: 4, drafter: 'suffix' };
    const drafted = await generate(['lfm2', 'llama-middle'], options, greedy);
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(drafted.stats.draftTokens).toBeGreaterThan(0);
    const creating = engineOf(['lfm2', 'llama-middle'], { ...options, middleTokens: 5 });
    await expect(creating).rejects.toThrow(/with a middle model 4 middle tokens/);
  });

  it('says nothing after tokens that it does not know', async () => {
    const sampling = { temperature: 0, logitBias: new Map([[323, 4]]) };
    const plain = await generate(['padded'], {}, { sampling });
    const drafted = await generate(['padded', 'llama', 'llama-draft'], {}, { sampling });
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(plain.tokens.some((token) => token >= 320)).toBe(true);
    expect(drafted.stats.draftTokens).toBeGreaterThan(0);
  });

  it('keeps its own padding tokens out of the target', async () => {
    const { tokens, stats } = await generate(['llama', 'padded', 'llama-draft'], {}, { seed: 4 });
    expect(tokens.every((token) => token < 320)).toBe(true);
    expect(stats.acceptedTokens).toBeGreaterThan(0);
  });
});

describe('a middle model is refused', () => {
  const refusals: readonly (readonly [string, Names, Options, new (...args: never) => Error, RegExp])[] = [
    ['without a drafter', ['llama', 'llama-middle'], {}, IncompatibleMethodsError, /Give a draft model/],
    [
      'beside the drafter none',
      ['llama', 'llama-middle', 'llama-draft'],
      { drafter: 'none' },
      IncompatibleMethodsError,
      /Give a draft model/,
    ],
    [
      'beside sparse verification',
      ['llama', 'llama-middle', 'llama-draft'],
      { sparse: { attention: 64 } },
      IncompatibleMethodsError,
      /Leave sparse away/,
    ],
    [
      'beside stitch',
      ['llama', 'llama-middle', 'llama-draft'],
      { stitch: 0.1 },
      IncompatibleMethodsError,
      /Leave the middle model away, or stitch/,
    ],
    [
      'with other words than the target',
      ['llama', 'other-words', 'llama-draft'],
      {},
      VocabMismatchError,
      /Target and middle model .*320 and 400/,
    ],
    [
      'with other words than the draft model',
      ['llama', 'llama-middle', 'other-words'],
      {},
      VocabMismatchError,
      /Middle model and draft .*320 and 400/,
    ],
    [
      'whose state cannot go back',
      ['mamba', 'mamba'],
      { drafter: 'suffix' },
      UnsupportedCacheError,
      /mamba model does not go back .*as the draft model/,
    ],
    [
      'with no tokens',
      ['llama', 'llama-middle', 'llama-draft'],
      { middleTokens: 0 },
      RangeError,
      /middleTokens/,
    ],
  ];

  it.each(refusals)('%s', async (_, names, options, type, message) => {
    const creating = engineOf(names, options);
    await expect(creating).rejects.toBeInstanceOf(type);
    await expect(creating).rejects.toThrow(message);
  });

  it('where its tokens are counted and it is missing', async () => {
    const creating = engineOf(['llama', undefined, 'llama-draft'], { middleTokens: 4 });
    await expect(creating).rejects.toThrow(/Expected a middle model with middleTokens/);
  });
});

describe('a target that follows a text', () => {
  it('has the rows that it has after reading all of it before', async () => {
    const [model] = await loadModels([file('llama')], { gpu: 'off' });
    const context = await model!.createContext({
      ...exactContext,
      contextSize: 64,
      maxLeaves: 2,
      batchSize: 16,
    });
    const sequence = context.sequence();
    const target = new SequenceTarget(sequence, new Sampler(everything));
    const text = Int32Array.from([...prompt, 290, 291, 292]);
    const tree = [Int32Array.of(292, 300, 301, 302), Int32Array.of(-1, 0, 1, 0)] as const;
    await sequence.prefill(text.subarray(0, -1));
    const { rows: expected } = await target.decode(...tree, undefined);
    const starts = [text.subarray(0, 3), text.subarray(0, -2), Int32Array.from([...prompt, 293, 294, 295])];
    for (const start of [...starts, Array.from({ length: 40 }, (_, index) => 270 + index)]) {
      await sequence.prefill(start);
      for (const maxNodes of [3, 12]) {
        await target.follow(text, maxNodes, undefined);
        const { rows } = await target.decode(...tree, undefined);
        expect(rows.numRows).toBe(4);
        for (let row = 0; row < 4; row++)
          expect(rowDistance(rows.row(row), expected.row(row))).toBeLessThan(1e-5);
        rows.release?.();
      }
      target.commit(2);
      expect(Array.from(sequence.tokens)).toEqual([...text, 300, 301]);
    }
    context.dispose();
    model!.dispose();
  });
});
