// Generations in which target and draft model take turns by entropy.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineOptions, GenerateOptions } from '../../src/engine/options.js';
import { SequenceWriter } from '../../src/engine/sequence-writer.js';
import { IncompatibleMethodsError, VocabMismatchError } from '../../src/errors.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import { sample } from '../../src/sampling/categorical.js';
import { entropy } from '../../src/sampling/entropy.js';
import { Purpose, uniform } from '../../src/sampling/random.js';
import type { TokenId } from '../../src/types.js';
import { markUnused } from '../fixtures/gguf-rewrite.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext, loadEngine } from '../helpers/engines.js';
import { FakeDrafter } from '../helpers/fake-engine.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-stitch-'));
const file = (name: string): string => join(folder, `${name}.gguf`);
const architectures = ['llama', 'gemma3', 'mamba'] as const;
const prompt = [1, 300, 270, 281, 300, 270];
/** Normalised entropy that some rows of the tiny models are below and some above. */
const middle = 0.45;

beforeAll(() => {
  const noise = { seed: 1, relative: 0.3 };
  for (const architecture of architectures) {
    writeTinyModel(file(architecture), { architecture, canEnd: true });
    writeTinyModel(file(`${architecture}-draft`), { architecture, canEnd: true, noise });
  }
  writeTinyModel(file('other-words'), { vocabSize: 400 });
  writeTinyModel(file('large'), { vocabSize: 324, noise });
  markUnused(file('large'), file('padded-draft'), 320);
});
afterAll(() => rmSync(folder, { recursive: true }));

type Options = Omit<EngineOptions, 'target' | 'draft'>;

async function generate(
  target: string,
  draft: string | undefined,
  options: Options,
  more: GenerateOptions = {},
) {
  const engine = await loadEngine(file(target), draft && file(draft), {
    ...options,
    context: { contextSize: 256, ...options.context },
  });
  try {
    return await engine.generate(prompt, { maxTokens: 60, ignoreEos: true, ...more }).finish();
  } finally {
    await engine.dispose();
    engine.target.dispose();
  }
}

const laws: (readonly [string, GenerateOptions])[] = [
  ['greedily', { sampling: { temperature: 0 } }],
  ['from seed 1', { sampling: { temperature: 1 }, seed: 1 }],
  ['from seed 2', { sampling: { temperature: 1 }, seed: 2 }],
  [
    'from seed 3 with every sampling parameter',
    {
      seed: 3,
      sampling: {
        ...{ temperature: 0.9, topK: 40, topP: 0.95, repeatPenalty: 1.2, frequencyPenalty: 0.2 },
        ...{ presencePenalty: 0.2, penaltyLastN: 32, dryMultiplier: 0.8 },
      },
    },
  ],
];

describe.each(architectures)('of %s, stitch', (architecture) => {
  const draft = `${architecture}-draft`;

  it.each(laws)('0 says %s what the target says', async (_, options) => {
    const plain = await generate(architecture, undefined, {}, options);
    const stitched = await generate(architecture, draft, { stitch: 0 }, options);
    expect(stitched.tokens).toEqual(plain.tokens);
    expect(stitched).toMatchObject({
      lossless: true,
      stitch: { draftTokens: 0, targetTokens: 60, switches: 0 },
    });
  });

  it.each(laws)('1 says %s what the draft model says, and that it is lossy', async (_, options) => {
    const plain = await generate(draft, undefined, {}, options);
    const target = await generate(architecture, undefined, {}, options);
    const stitched = await generate(architecture, draft, { stitch: 1 }, options);
    expect(stitched.tokens).toEqual(plain.tokens);
    expect(stitched.tokens).not.toEqual(target.tokens);
    expect(stitched).toMatchObject({
      lossless: false,
      stitch: { draftTokens: 60, targetTokens: 0, switches: 0 },
    });
  });
});

/** The rule token by token, each row from a sequence that holds the whole text. */
async function reference(
  architecture: string,
  { sampling = {}, seed = 0 }: GenerateOptions,
  threshold: number,
) {
  const models = await Promise.all(
    [`${architecture}-draft`, architecture].map((name) => loadModel(file(name), { gpu: 'off' })),
  );
  const contexts = await Promise.all(models.map((model) => model.createContext({ ...exactContext })));
  const samplers = [new Sampler({}), new Sampler(sampling)];
  const text: TokenId[] = [...prompt];
  const writers: number[] = [];
  let turn = 0;
  const nextOf = async (writer: number) => {
    const sequence = contexts[writer]!.sequence();
    const rows = [];
    for (const sampler of samplers) {
      await sequence.prefill(text.slice(0, -1));
      rows.push((await sequence.decode({ tokens: [text.at(-1)!], sampler })).rows.row(0));
    }
    const [own, sampled] = rows;
    const isSure = entropy(own!.probs) / Math.log(models[writer]!.info.vocabSize) <= threshold;
    return { isSure, sampled: sampled! };
  };
  for (let position = 0; position < 60; position++) {
    let next = await nextOf(turn);
    if (turn === 0 && !next.isSure) next = await nextOf((turn = 1));
    writers.push(turn);
    text.push(sample(next.sampled, uniform(seed, Purpose.target, position)));
    if (turn === 1 && next.isSure) turn = 0;
  }
  for (const context of contexts) context.dispose();
  for (const model of models) model.dispose();
  return { tokens: text.slice(prompt.length), writers };
}

describe('stitch between the two', () => {
  const cases = [
    ...laws.map((law) => ['llama', ...law] as const),
    ...(['gemma3', 'mamba'] as const).map((architecture) => [architecture, ...laws[1]!] as const),
  ];

  it.each(cases)('of %s says %s what the rule says token by token', async (architecture, _, options) => {
    const { tokens, writers } = await reference(architecture, options, middle);
    const draft = `${architecture}-draft`;
    const { stitch, ...stitched } = await generate(architecture, draft, { stitch: middle }, options);
    expect(stitched.tokens).toEqual(tokens);
    expect(stitch).toEqual({
      draftTokens: writers.filter((writer) => writer === 0).length,
      targetTokens: writers.filter((writer) => writer === 1).length,
      switches: writers.filter((writer, at) => at > 0 && writer !== writers[at - 1]).length,
    });
    expect(stitch!.draftTokens).toBeGreaterThan(5);
    expect(stitch!.targetTokens).toBeGreaterThan(5);
  });

  it('says the same in small batches, after another prompt and again', async () => {
    const options = { sampling: { temperature: 1 }, seed: 4, maxTokens: 60, ignoreEos: true };
    const expected = await generate('llama', 'llama-draft', { stitch: middle }, options);
    const engine = await loadEngine(file('llama'), file('llama-draft'), {
      stitch: middle,
      context: { contextSize: 256, batchSize: 2 },
    });
    await engine.generate([1, 290, 291, 292], options).finish();
    for (let run = 0; run < 2; run++) {
      expect((await engine.generate(prompt, options).finish()).tokens).toEqual(expected.tokens);
    }
    await engine.dispose();
    engine.target.dispose();
  });

  it('ends at end tokens, and where the context of the target does', async () => {
    const sampling = { temperature: 0, logitBias: new Map([[2, 100]]) };
    const ended = await generate('llama', 'llama-draft', { stitch: 1 }, { sampling, ignoreEos: false });
    expect(ended).toMatchObject({ tokens: [], finishReason: 'stop', lossless: false });
    const context = { contextSize: 32 };
    const full = await generate('llama', 'llama-draft', {
      stitch: 1,
      context,
      draftContext: { contextSize: 256 },
    });
    const plain = await generate('llama', undefined, { context });
    expect(full).toMatchObject({ finishReason: 'length' });
    expect(full.tokens).toHaveLength(plain.tokens.length);
  });

  it('leaves the rest to the target where the context of the draft model ends, or the prompt is beyond', async () => {
    const draftContext = { ...exactContext, contextSize: 256 };
    const whole = await generate(
      'llama',
      'llama-draft',
      { stitch: 1, draftContext, context: { contextSize: 512 } },
      {
        maxTokens: 300,
      },
    );
    expect(whole.tokens).toHaveLength(300);
    // The last row comes from 256 tokens.
    expect(whole.stitch).toEqual({ draftTokens: 251, targetTokens: 49, switches: 1 });
    const beyond = { draftContext: { ...exactContext, contextSize: 256 }, context: { contextSize: 512 } };
    const long = Array.from({ length: 300 }, (_, index) => 270 + (index % 40));
    const engine = await loadEngine(file('llama'), file('llama-draft'), { stitch: 1, ...beyond });
    const { stitch, lossless } = await engine.generate(long, { maxTokens: 5, ignoreEos: true }).finish();
    expect({ stitch, lossless }).toEqual({
      stitch: { draftTokens: 0, targetTokens: 5, switches: 0 },
      lossless: true,
    });
    await engine.dispose();
    engine.target.dispose();
  });

  it('keeps padding tokens of the draft model out', async () => {
    const options = { sampling: { temperature: 4 }, maxTokens: 200, seed: 1 };
    const own = await generate('padded-draft', undefined, {}, options);
    expect(Math.max(...own.tokens)).toBeGreaterThanOrEqual(320);
    const { tokens, stitch } = await generate('llama', 'padded-draft', { stitch: 1 }, options);
    expect(stitch!.draftTokens).toBe(200);
    expect(Math.max(...tokens)).toBeLessThan(320);
  });

  it('leaves in a cache all that was read, so that nothing is read twice', async () => {
    const model = await loadModel(file('llama'), { gpu: 'off' });
    const context = await model.createContext({ ...exactContext, batchSize: 4 });
    const sequence = context.sequence();
    const writer = new SequenceWriter(sequence, new Sampler({}), 320);
    await writer.begin(prompt, undefined);
    expect(sequence.length).toBe(prompt.length - 1);
    const text = [...prompt];
    for (const numNew of [0, 1, 3, 9]) {
      text.push(...Array.from({ length: numNew }, (_, index) => 280 + index));
      const { rows } = await writer.read(Int32Array.from(text), undefined);
      expect(rows.numRows).toBe(1);
      expect(Array.from(sequence.tokens)).toEqual(text);
    }
    context.dispose();
    model.dispose();
  });

  it('stops at an abort, and goes on with the next generation', async () => {
    const engine = await loadEngine(file('llama'), file('llama-draft'), { stitch: middle });
    const options = { sampling: { temperature: 1 }, seed: 4, maxTokens: 60, ignoreEos: true };
    const expected = await engine.generate(prompt, options).finish();
    const controller = new AbortController();
    const reason = new Error('enough');
    const generation = engine.generate(prompt, { ...options, signal: controller.signal });
    const reading = (async () => {
      let numTokens = 0;
      for await (const event of generation)
        if (event.type === 'token' && ++numTokens === 7) setTimeout(() => controller.abort(reason), 0);
    })();
    await expect(reading).rejects.toBe(reason);
    const { tokens } = generation.result;
    expect(tokens.length).toBeGreaterThanOrEqual(7);
    expect(tokens).toEqual(expected.tokens.slice(0, tokens.length));
    expect((await engine.generate(prompt, options).finish()).tokens).toEqual(expected.tokens);
    await engine.dispose();
    engine.target.dispose();
  });
});

describe('stitch is refused', () => {
  it.each<[string, Options, RegExp]>([
    ['a verifier', { verifier: 'match' }, /Leave verifier away/],
    ['a drafter without a model', { drafter: 'suffix' }, /Leave drafter away/],
    ['a drafter beside the model', { drafter: ['model', 'suffix'] }, /Leave drafter away/],
    ['a drafter of the caller', { drafter: new FakeDrafter() }, /Leave drafter away/],
    ['no drafter', { drafter: 'none' }, /Leave drafter away/],
    ['a thinned target', { sparse: { attention: 64 } }, /Leave sparse away/],
    ['a tree', { tree: 'chain:4' }, /Leave tree/],
    ['a confidence stop', { minDraftProbability: 0.5 }, /minDraftProbability/],
  ])('with %s, and says what to leave away', async (_, options, message) => {
    const refused = loadEngine(file('llama'), file('llama-draft'), { stitch: 0.02, ...options });
    await expect(refused).rejects.toSatisfy(
      (error) => error instanceof IncompatibleMethodsError && message.test(error.message),
    );
  });

  it('without a draft model, and with one of other tokens', async () => {
    const alone = loadEngine(file('llama'), undefined, { stitch: 0.02 });
    await expect(alone).rejects.toThrow(IncompatibleMethodsError);
    const unlike = loadEngine(file('llama'), file('other-words'), { stitch: 0.02 });
    await expect(unlike).rejects.toThrow(VocabMismatchError);
  });

  it.each([-0.1, NaN, '0.5' as never])('as %s, which is no threshold', async (stitch) => {
    await expect(loadEngine(file('llama'), file('llama-draft'), { stitch })).rejects.toThrow(
      /at least 0 for stitch but received/,
    );
  });

  it('with log-probabilities', async () => {
    await expect(generate('llama', 'llama-draft', { stitch: 0.02 }, { logprobs: 2 })).rejects.toThrow(
      IncompatibleMethodsError,
    );
  });
});
