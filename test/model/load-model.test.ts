import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DisposedError } from '../../src/errors.js';
import { estimateMemory, loadModel, loadModels, type LoadModelOptions } from '../../src/model/load-model.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { greedyTokens } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-load-'));
const path = join(folder, 'llama.gguf');
/** 19 MB of weights: enough to be seen in the memory of the process, and to be aborted halfway. */
const largerPath = join(folder, 'larger.gguf');
const gpu = 'off';
const prompt = [1, 300, 280, 265];
const chatTemplate = '{{ messages[0].content }}';

beforeAll(() => {
  writeTinyModel(path, { vocabSize: 320, chatTemplate });
  writeTinyModel(largerPath, { vocabSize: 320, feedForward: 2048, layers: 6 });
});

afterAll(() => rmSync(folder, { recursive: true }));

async function tokensOf(options: LoadModelOptions): Promise<number[]> {
  using model = await loadModel(path, { gpu, ...options });
  using context = await model.createContext({ contextSize: 256 });
  return await greedyTokens(context.sequence(), prompt, 16);
}

describe('progress', () => {
  it('rises to 1', async () => {
    const seen: number[] = [];
    (await loadModel(path, { gpu, onProgress: (progress) => seen.push(progress) })).dispose();
    expect(seen.length).toBeGreaterThan(2);
    expect(seen[0]).toBeLessThan(0.5);
    expect(seen).toEqual([...new Set(seen)].sort((left, right) => left - right));
    expect(seen.at(-1)).toBe(1);
  });

  it('of two models rises to 1 over both', async () => {
    const seen: number[] = [];
    const models = await loadModels([path, largerPath], { gpu, onProgress: (value) => seen.push(value) });
    for (const model of models) model.dispose();
    expect(seen).toContain(0.5);
    expect(seen).toEqual([...seen].sort((left, right) => left - right));
    expect(seen.at(-1)).toBe(1);
  });
});

describe('an abort', () => {
  const reason = new Error('enough');

  it('before the load rejects with the reason', async () => {
    await expect(loadModel(path, { gpu, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it.each(['first', 'last'] as const)('at the %s progress rejects with the reason', async (when) => {
    const controller = new AbortController();
    const onProgress = (progress: number): void => {
      if (when === 'first' || progress === 1) controller.abort(reason);
    };
    await expect(loadModel(path, { gpu, signal: controller.signal, onProgress })).rejects.toBe(reason);
  });

  it('stops reading the file', async () => {
    let furthest = 1;
    // A load that is done before this thread sees its progress proves nothing.
    for (let attempt = 0; attempt < 10 && furthest === 1; attempt++) {
      const controller = new AbortController();
      const seen: number[] = [];
      const onProgress = (progress: number): void => {
        seen.push(progress);
        controller.abort(reason);
      };
      const options = { gpu, mmap: false, signal: controller.signal, onProgress } as const;
      await expect(loadModel(largerPath, options)).rejects.toBe(reason);
      furthest = seen.at(-1)!;
    }
    expect(furthest).toBeLessThan(1);
  });

  it('of the second of two models disposes the first', async () => {
    const controller = new AbortController();
    const onProgress = (progress: number): void => {
      if (progress > 0.5) controller.abort(reason);
    };
    const loading = loadModels([path, path], { gpu, signal: controller.signal, onProgress });
    await expect(loading).rejects.toBe(reason);
  });
});

describe('a loaded model', () => {
  it('gives the same tokens whether the file is mapped or read', async () => {
    expect(await tokensOf({ mmap: false })).toEqual(await tokensOf({ mmap: true }));
  });

  it('gives the same tokens when every weight is checked', async () => {
    expect(await tokensOf({ checkTensors: true })).toEqual(await tokensOf({}));
  });

  it('knows its sizes', async () => {
    using model = await loadModel(path, { gpu });
    expect(model.info).toMatchObject({
      architecture: 'llama',
      trainContextSize: 512,
      embeddingSize: 128,
      numLayers: 2,
      numHeads: 4,
      numKvHeads: 2,
      slidingWindow: 0,
      isRecurrent: false,
      hasEncoder: false,
      vocabSize: 320,
      bosToken: 1,
      eosToken: 2,
      addsBos: true,
      chatTemplate,
    });
    expect(model.info.sizeBytes).toBe(4 * model.info.numParameters);
    expect(model.path).toBe(path);
    expect(model.gpuLayers).toBe(0);
    expect(model.placement).toBe('all layers on the CPU');
  });

  it('has the metadata of its file as text', async () => {
    using model = await loadModel(path, { gpu });
    expect(model.metadata).toMatchObject({
      'general.name': 'tiny-llama',
      'llama.context_length': '512',
      'tokenizer.ggml.add_bos_token': 'true',
    });
    expect(model.metadata).toBe(model.metadata);
  });

  it('is one copy of the weights for two contexts', async () => {
    using model = await loadModel(largerPath, { gpu, mmap: false });
    const rssBytes = process.memoryUsage.rss();
    using first = await model.createContext({ contextSize: 256 });
    using second = await model.createContext({ contextSize: 256 });
    const tokens = await greedyTokens(first.sequence(), prompt, 8);
    expect(await greedyTokens(second.sequence(), prompt, 8)).toEqual(tokens);
    expect(process.memoryUsage.rss() - rssBytes).toBeLessThan(model.info.sizeBytes);
  });
});

describe('a disposed model', () => {
  it('keeps its weights for a context that lives', async () => {
    const model = await loadModel(path, { gpu });
    using context = await model.createContext({ contextSize: 256 });
    const before = await greedyTokens(context.sequence(), prompt, 8);
    model.dispose();
    await context.sequence().truncate(0);
    expect(await greedyTokens(context.sequence(), prompt, 8)).toEqual(before);
  });

  it('creates no more contexts and reads no metadata', async () => {
    const model = await loadModel(path, { gpu });
    model.dispose();
    model.dispose();
    expect(model.isDisposed).toBe(true);
    await expect(model.createContext()).rejects.toThrow(DisposedError);
    expect(() => model.metadata).toThrow(DisposedError);
  });
});

describe('estimateMemory', () => {
  it('gives the bytes of the weights, and of a cache that grows with the context', async () => {
    using model = await loadModel(path, { gpu });
    const of = (contextSize: number) =>
      estimateMemory(path, { gpu, context: { contextSize, kvType: 'f16' } });
    const [[small], [large]] = [await of(256), await of(1024)];
    expect(small!.modelBytes).toBe(model.info.sizeBytes);
    // Keys and values of 2 layers with 2 heads of 32 halves.
    expect(small!.contextBytes).toBe(256 * 2 * 2 * 2 * 32 * 2);
    expect(large!.contextBytes).toBe(4 * small!.contextBytes);
    expect(small!.computeBytes).toBeGreaterThan(0);
  });
});

describe('options', () => {
  it('that are unknown are a TypeError that names them', async () => {
    const loading = loadModel(path, { gpuLayer: 1 } as LoadModelOptions);
    await expect(loading).rejects.toThrow(TypeError);
    await expect(loading).rejects.toThrow(/'gpuLayer'.*gpuLayers/);
  });

  it.each<[string, unknown]>([
    ['gpu', 'opencl'],
    ['gpuLayers', 'some'],
    ['mmap', 'yes'],
    ['mlock', 1],
    ['checkTensors', 1],
    ['devices', ['none', 7]],
  ])('of a wrong kind are a TypeError that names them: %s %j', async (name, value) => {
    const loading = loadModel(path, { gpu, [name]: value } as LoadModelOptions);
    await expect(loading).rejects.toThrow(TypeError);
    await expect(loading).rejects.toThrow(name);
  });

  it.each<[string, unknown]>([
    ['gpuLayers', -1],
    ['gpuLayers', 1.5],
    ['devices', ['none']],
  ])('out of range are a RangeError: %s %j', async (name, value) => {
    const loading = loadModel(path, { gpu, [name]: value } as LoadModelOptions);
    await expect(loading).rejects.toThrow(RangeError);
  });

  it('of a path that is no string are a TypeError', async () => {
    await expect(loadModel(7 as unknown as string)).rejects.toThrow(/string for path/);
  });
});
