import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { VocabMismatchError, type ErrorCode } from '../../src/errors.js';
import { estimateMemory, loadModel } from '../../src/model/load-model.js';
import { requireSameVocabulary } from '../../src/model/vocabulary.js';
import * as broken from '../fixtures/broken-models.js';
import { readGguf } from '../../src/gguf/reader.js';
import { writeTinyModel, type TinyModelOptions } from '../fixtures/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-bad-'));
const gpu = 'off';
const good = join(folder, 'good.gguf');
const bad = join(folder, 'bad.gguf');

beforeAll(() => {
  writeTinyModel(good, { vocabSize: 320 });
});

afterEach(async () => {
  using model = await loadModel(good, { gpu });
  expect(model.info.vocabSize).toBe(320);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A load and a memory estimate of `path` fail with this code and name the path. */
async function expectRefused(path: string, code: ErrorCode): Promise<void> {
  for (const read of [loadModel, estimateMemory]) {
    await expect(read(path, { gpu })).rejects.toMatchObject({
      name: 'ModelLoadError',
      code,
      message: expect.stringContaining(path) as string,
    });
  }
}

describe('a model file', () => {
  it('that does not exist is not found', async () => {
    await expectRefused(join(folder, 'none.gguf'), 'MODEL_NOT_FOUND');
  });

  it('that is a folder is not found', async () => {
    await expectRefused(folder, 'MODEL_NOT_FOUND');
  });

  it('of no bytes is invalid', async () => {
    broken.writeEmptyFile(bad);
    await expectRefused(bad, 'MODEL_INVALID');
  });

  it('with the wrong magic is invalid', async () => {
    broken.writeWrongMagic(good, bad);
    await expectRefused(bad, 'MODEL_INVALID');
  });

  it.each([
    ['magic', () => 2],
    ['version', () => 6],
    ['counts', () => 20],
    ['first key', () => 40],
    ['vocabulary', () => 1000],
    ['metadata after it', () => 6000],
    ['tensor names', () => dataStart() - 600],
    ['first tensor', () => dataStart() + 100],
    ['middle tensor', () => statSync(good).size / 2],
    ['last tensor', () => -1],
  ])('cut off in its %s is invalid', async (_, numBytes) => {
    broken.writeTruncatedModel(good, bad, numBytes());
    await expectRefused(bad, 'MODEL_INVALID');
  });

  it('of a vocabulary alone is unsupported', async () => {
    broken.writeVocabularyOnly(good, bad);
    await expectRefused(bad, 'MODEL_UNSUPPORTED');
  });

  it('of an unknown architecture is unsupported', async () => {
    broken.writeUnknownArchitecture(good, bad);
    await expectRefused(bad, 'MODEL_UNSUPPORTED');
  });

  it('with 64-bit router weights is unsupported', async () => {
    broken.writeDoubleRouterModel(bad, { vocabSize: 320 });
    await expectRefused(bad, 'MODEL_UNSUPPORTED');
  });

  it('with a quantised norm is unsupported', async () => {
    broken.writeQuantisedNormModel(bad, { vocabSize: 320 });
    await expectRefused(bad, 'MODEL_UNSUPPORTED');
  });
});

/** The first byte of the first tensor. */
function dataStart(): number {
  return Math.min(...[...readGguf(good).tensors.values()].map(({ offset }) => offset));
}

/** What comparing the good model with the one at `bad` throws. */
async function mismatch(): Promise<unknown> {
  using target = await loadModel(good, { gpu });
  using draft = await loadModel(bad, { gpu });
  try {
    requireSameVocabulary(target, draft);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a draft model', () => {
  it('of the same vocabulary fits', async () => {
    writeTinyModel(bad, { vocabSize: 320, layers: 1, seed: 2 });
    expect(await mismatch()).toBeUndefined();
  });

  it('of a larger vocabulary is refused with both sizes and the first token that only one has', async () => {
    broken.writeLargerVocabularyModel(bad, { vocabSize: 320 });
    const error = await mismatch();
    expect(error).toBeInstanceOf(VocabMismatchError);
    expect(error).toMatchObject({
      code: 'VOCAB_MISMATCH',
      targetVocabSize: 320,
      draftVocabSize: 328,
      firstDifferentToken: 320,
      message: expect.stringMatching(/320 and 328 tokens.*token 320 exists in one only/) as string,
    });
  });

  it('with another text for one token is refused with that token and both texts', async () => {
    broken.writeRenamedToken(good, bad, 300, 'zzz');
    const error = await mismatch();
    expect(error).toBeInstanceOf(VocabMismatchError);
    expect(error).toMatchObject({
      firstDifferentToken: 300,
      message: expect.stringMatching(/token 300 is ".+" in the target and "zzz" in the draft/) as string,
    });
  });
});

/** Tries to create a context of a model made with `options`. */
async function createContext(options: object, modelOptions: TinyModelOptions = {}): Promise<void> {
  writeTinyModel(bad, { vocabSize: 320, ...modelOptions });
  using model = await loadModel(bad, { gpu });
  (await model.createContext(options)).dispose();
}

describe('a context', () => {
  it('with a quantised V cache and no flash attention is refused', async () => {
    const creating = createContext({ kvType: 'q8_0', flashAttention: 'off' });
    await expect(creating).rejects.toMatchObject({ name: 'ContextCreateError', code: 'CONTEXT_CREATE' });
  });

  it.each(['q8_0', 'q4_0'])(
    'of type %s is refused for a head size that 32 does not divide',
    async (kvType) => {
      const creating = createContext({ kvType, flashAttention: 'on' }, { headDim: 48 });
      await expect(creating).rejects.toMatchObject({ name: 'ContextCreateError', code: 'CONTEXT_CREATE' });
      await expect(creating).rejects.toThrow(/multiple of 32 but this model has 48/);
    },
  );

  it.each(['q8_0', 'q4_0'])(
    'of type %s is created with flash attention and a fitting head size',
    async (kvType) => {
      await expect(createContext({ kvType, flashAttention: 'on' })).resolves.toBeUndefined();
    },
  );

  it('with an unknown option is a TypeError that names it', async () => {
    const creating = createContext({ contextsize: 256 });
    await expect(creating).rejects.toThrow(TypeError);
    await expect(creating).rejects.toThrow(/'contextsize'.*contextSize/);
  });

  it.each<[string, unknown]>([
    ['contextSize', 7],
    ['contextSize', 2 ** 31],
    ['contextSize', NaN],
    ['contextSize', '256'],
    ['batchSize', 0],
    ['microBatchSize', 2049],
    ['sequences', 0],
    ['sequences', 257],
    ['maxLeaves', 0],
    ['maxLeaves', 257],
    ['rollbackTokens', -1],
    ['rollbackTokens', 257],
    ['threads', 0],
    ['threads', 1.5],
  ])('with %s %j is a RangeError that names it', async (name, value) => {
    const creating = createContext({ contextSize: 256, [name]: value });
    await expect(creating).rejects.toThrow(RangeError);
    await expect(creating).rejects.toThrow(name);
  });

  it.each<[string, unknown]>([
    ['kvType', 'q5_1'],
    ['flashAttention', true],
    ['offloadKv', 'no'],
  ])('with %s %j is a TypeError that names it', async (name, value) => {
    const creating = createContext({ contextSize: 256, [name]: value });
    await expect(creating).rejects.toThrow(TypeError);
    await expect(creating).rejects.toThrow(name);
  });
});
