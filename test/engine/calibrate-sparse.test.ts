// Calibrations: what they measure on models whose answer is known, and the files that they are kept in.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../src/engine/engine.js';
import { calibrateSparse, type SparseCalibration } from '../../src/engine/calibrate-sparse.js';
import { calibrationPath, readCalibration, writeCalibration } from '../../src/engine/calibration-file.js';
import { CalibrationError, UnsupportedCacheError } from '../../src/errors.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { kQuantisedDown, restingGates } from '../fixtures/resting-gates.js';
import { quietGates, quietThreshold } from '../fixtures/quiet-channels.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext, loadEngine } from '../helpers/engines.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-calibrate-'));
const file = (name: string): string => join(folder, `${name}.gguf`);
const shape = { contextLength: 2048, headDim: 64, heads: 4, kvHeads: 2, layers: 3 };
const text = [1, ...Array.from({ length: 799 }, (_, index) => 270 + ((index * 13 + (index >> 3)) % 50))];

beforeAll(() => {
  writeTinyModel(file('llama'), shape);
  writeTinyModel(file('other'), { ...shape, layers: 2 });
  writeTinyModel(file('experts'), { ...shape, architecture: 'qwen3moe', experts: 8, expertsUsed: 4 });
  writeTinyModel(file('experts-draft'), {
    ...shape,
    architecture: 'qwen3moe',
    experts: 8,
    expertsUsed: 4,
    noise: { seed: 1, relative: 0.05 },
  });
  writeTinyModel(file('mamba'), { architecture: 'mamba' });
  quietGates(file('llama'), file('quiet'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function withModel<T>(name: string, run: (model: Model) => Promise<T>): Promise<T> {
  using model = await loadModel(file(name), { gpu: 'off' });
  return await run(model);
}

function calibrate(name: string, tokens = 256): Promise<SparseCalibration> {
  return withModel(name, async (model) => {
    using context = await model.createContext({ ...exactContext, contextSize: 1024 });
    return await calibrateSparse(context, { texts: [text], tokens, batches: 3 });
  });
}

describe('a calibration', () => {
  it('compares all layers that choose, and counts resting channels', async () => {
    const found = await calibrate('llama');
    expect(found).toMatchObject({ batches: 3, batchTokens: 8, tokens: 256, blockSize: 4 });
    expect(found.overlap.layers).toEqual([0, 1, 2]);
    for (const [one, row] of found.overlap.similarity.entries()) {
      expect(row[one]).toBe(1);
      for (const share of row) expect(share).toBeGreaterThan(0.1);
    }
    expect(found.anchors.slice(0, 2)).toEqual([0, 1]);
    expect(found.shares).toBeUndefined();
    expect(found.channels.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    for (const { perToken, perBatch, perBlocks } of found.channels) {
      expect(perToken).toEqual([...perToken].sort((a, b) => a - b));
      for (const [index, share] of perToken.entries()) {
        expect(share).toBeGreaterThan(perBatch[index]!);
        expect(perBatch[index]!).toBeGreaterThanOrEqual(perBlocks[index]!);
      }
    }
  });

  it('counts blocks as large as those of the matrix that leads down', async () => {
    writeTinyModel(file('wide'), { ...shape, feedForward: 512 });
    restingGates(file('wide'), file('resting'), 288);
    kQuantisedDown(file('resting'), file('k-quantised'));
    for (const [name, share] of [
      ['resting', 288 / 512],
      ['k-quantised', 256 / 512],
    ] as const) {
      const { channels } = await calibrate(name);
      expect(channels).toHaveLength(3);
      for (const { perBatch, perBlocks } of channels) {
        expect(perBatch[0]).toBeGreaterThanOrEqual(288 / 512);
        expect(perBlocks[0]).toBeCloseTo(share, 6);
      }
    }
  });

  it('finds the median weights of experts', async () => {
    const { shares, skipped } = await calibrate('experts');
    expect(shares).toHaveLength(3);
    // Half of the tokens skip one where they may skip no more.
    expect(skipped![0]).toBeCloseTo(0.5, 1);
    expect(skipped).toEqual([...skipped!].sort((a, b) => a - b));
    for (const row of shares!) {
      expect(row).toHaveLength(3);
      expect(row).toEqual([...row].sort((a, b) => a - b));
      expect(row[0]).toBeGreaterThan(0);
      // The m lightest of four have at most m quarters.
      for (const [index, share] of row.entries()) expect(share).toBeLessThanOrEqual((index + 1) / 4);
    }
  });

  it('is refused where there is nothing to calibrate', async () => {
    await expect(calibrate('mamba')).rejects.toThrow(UnsupportedCacheError);
    await expect(calibrate('llama', 500)).rejects.toThrow(
      'Expected a text of at least 1016 tokens, twice the budget, but the longest has 800',
    );
  });
});

describe('a calibration file', () => {
  it('says what was written', async () => {
    const calibration = await calibrate('experts');
    await withModel('experts', async (model) => {
      const path = join(folder, 'copy.json');
      writeCalibration(path, model, calibration);
      expect(readCalibration(path, model)).toEqual(calibration);
      await Promise.resolve();
    });
  });

  it('is refused when it is missing, damaged or of another model', async () => {
    const calibration = await calibrate('llama');
    const path = join(folder, 'llama.json');
    await withModel('llama', async (model) => {
      writeCalibration(path, model, calibration);
      expect(() => readCalibration(join(folder, 'missing.json'), model)).toThrow(CalibrationError);
      expect(() => writeCalibration(join(folder, 'no', 'folder.json'), model, calibration)).toThrow(
        CalibrationError,
      );
      const damaged = join(folder, 'damaged.json');
      for (const content of [
        '',
        '{',
        '[]',
        readFileSync(path, 'utf8').replace('"anchors":[', '"anchors":[-1,'),
      ]) {
        writeFileSync(damaged, content);
        expect(() => readCalibration(damaged, model)).toThrow(CalibrationError);
      }
      await Promise.resolve();
    });
    await withModel('other', async (model) => {
      expect(() => readCalibration(path, model)).toThrow('is the calibration of another model: expected');
      await Promise.resolve();
    });
  });
});

describe('an engine', () => {
  const sparse = { experts: 2, recheck: 'off', auditEvery: 1 } as const;
  const options = { tree: 'chain:4', context: { contextSize: 512 }, measureSpeedup: false, guard: false };
  const load = (shareScale = 1) =>
    loadEngine(file('experts'), file('experts-draft'), {
      ...options,
      sparse: { ...sparse, experts: { skipped: 2, shareScale } },
    });

  it('skips experts by the calibration beside the model, and needs one', async () => {
    await expect(load()).rejects.toThrow(CalibrationError);
    await expect(load()).rejects.toThrow('outrider calibrate');
    await withModel('experts', async (model) => {
      writeCalibration(calibrationPath(model), model, await calibrate('experts'));
    });
    const engine = await load();
    const result = await engine
      .generate(text.slice(0, 50), { maxTokens: 40, seed: 3, ignoreEos: true })
      .finish();
    expect(result.lossless).toBe(false);
    expect(result.sparse!.totalVariation).toBeGreaterThan(1e-4);
    expect(result.sparse!.totalVariation).toBeLessThan(0.5);
    await engine.dispose();
    engine.target.dispose();
    const careful = await load(0.01);
    const same = await careful
      .generate(text.slice(0, 50), { maxTokens: 40, seed: 3, ignoreEos: true })
      .finish();
    // Hardly an expert weighs a hundredth of the median.
    expect(same.sparse!.totalVariation).toBeLessThan(result.sparse!.totalVariation! / 10);
    await careful.dispose();
    careful.target.dispose();
  });

  it.each([
    [{ experts: 4 }, 'Expected an integer in [1, 3] for skipped experts'],
    [{ experts: { skipped: 1, shareScale: 0 } }, 'Expected a number above 0 for the shareScale of experts'],
    [{ experts: 0 }, 'for skipped experts but received 0'],
    [{}, 'Expected attention, experts or feedForward for sparse verification'],
    [{ experts: 1, calibration: '/nowhere.json' }, '/nowhere.json could not be read'],
    [{ experts: 1, calibration: false as const }, 'needs a calibration'],
  ])('refuses %j', async (given, message) => {
    await expect(
      loadEngine(file('experts'), file('experts-draft'), { ...options, sparse: given }),
    ).rejects.toThrow(message);
  });

  it('has no experts to skip in a dense model', async () => {
    await expect(loadEngine(file('llama'), undefined, { sparse: { experts: 1 } })).rejects.toThrow(
      'has no experts to skip',
    );
  });

  it('rechecks skipped experts, too', async () => {
    const rechecked = await loadEngine(file('experts'), file('experts-draft'), {
      ...options,
      sparse: { experts: { skipped: 2, rule: 'always' }, recheckTokens: 8 },
    });
    const plain = await loadEngine(file('experts'), undefined, options);
    const request = { maxTokens: 40, sampling: { temperature: 0 }, ignoreEos: true };
    const expected = await plain.generate(text.slice(0, 50), request).finish();
    const result = await rechecked.generate(text.slice(0, 50), request).finish();
    expect(result.tokens).toEqual(expected.tokens);
    expect(result.lossless).toBe(true);
    for (const engine of [plain, rechecked]) {
      await engine.dispose();
      engine.target.dispose();
    }
  });
});

describe('an engine that leaves out feed-forward channels', () => {
  const feedForward = quietThreshold;
  const prompt = text.slice(0, 50);
  const request = { maxTokens: 30, seed: 3, ignoreEos: true };

  /** The result of a generation by a model that drafts for itself. */
  async function run(name: string, path?: string, repackWeights = false) {
    using target = await loadModel(file(name), { gpu: 'off', repackWeights });
    await using engine = await createEngine({
      target,
      draft: target,
      tree: 'chain:4',
      context: { ...exactContext, contextSize: 512 },
      measureSpeedup: false,
      guard: false,
      sparse: { feedForward, recheck: 'off', auditEvery: 1, calibration: path },
    });
    return { result: await engine.generate(prompt, request).finish(), notes: engine.notes };
  }

  async function calibrated(name: string): Promise<string> {
    const path = join(folder, `${name}.channels.json`);
    const calibration = await calibrate(name);
    await withModel(name, async (model) => Promise.resolve(writeCalibration(path, model, calibration)));
    return path;
  }

  it('does so where the calibration saw blocks at rest', async () => {
    const { result, notes } = await run('quiet', await calibrated('quiet'));
    expect(notes).toEqual([]);
    expect(result.lossless).toBe(false);
    expect(result.sparse!.rounds).toBeGreaterThan(3);
    expect(result.sparse!.totalVariation).toBeGreaterThan(1e-6);
    expect(result.sparse!.totalVariation).toBeLessThan(0.05);
  });

  it('says so where there is nothing to leave out, and is lossless then', async () => {
    const { result, notes } = await run('llama', await calibrated('llama'));
    expect(notes).toEqual([expect.stringContaining('The feed-forward part stays dense')]);
    expect(result.lossless).toBe(true);
    expect(result.sparse).toBeUndefined();
  });

  it('is refused without a calibration, and where the weights cannot be read in part', async () => {
    await expect(run('quiet')).rejects.toThrow(CalibrationError);
    const error = await run('experts', await calibrated('experts')).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedCacheError);
    expect((error as Error).message).toContain('repackWeights: false');
  });
});
