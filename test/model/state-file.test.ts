import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContextFullError, StateFileError } from '../../src/errors.js';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { decodeChain, rowDistance, takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-state-'));
const modelPath = join(folder, 'llama.gguf');
const statePath = join(folder, 'saved.state');
const damagedPath = join(folder, 'damaged.state');
const distUrl = new URL('../../dist/index.js', import.meta.url).href;
const prompt = Array.from({ length: 30 }, (_, index) => 262 + ((index * 7) % 50));
const other = [1, 301, 302, 303];
const tolerance = 1e-5;
const sampler = new Sampler();
const options = { contextSize: 256, kvType: 'f32', flashAttention: 'off' } as const;
let model: Model;
let context: Context;
let sequence: Sequence;
let restored: Sequence;

beforeAll(async () => {
  writeTinyModel(modelPath, { vocabSize: 320 });
  model = await loadModel(modelPath, { gpu: 'off' });
  context = await model.createContext(options);
  sequence = context.sequence();
  restored = (await model.createContext(options)).sequence();
});

beforeEach(async () => {
  await sequence.truncate(0);
  await restored.truncate(0);
  await sequence.prefill(prompt);
  await sequence.save(statePath);
});

afterAll(() => {
  restored.context.dispose();
  context.dispose();
  model.dispose();
  rmSync(folder, { recursive: true });
});

describe('a saved sequence', () => {
  it('goes on after it was loaded as if it had never been away', async () => {
    const expected = await decodeChain(sequence, [277]);
    await restored.load(statePath);
    expect(Array.from(restored.tokens)).toEqual(prompt);
    expect(rowDistance(await decodeChain(restored, [277]), expected)).toBeLessThan(tolerance);
  });

  it('replaces what a sequence held', async () => {
    const expected = await decodeChain(sequence, [277]);
    await restored.prefill(other);
    await restored.load(statePath);
    expect(rowDistance(await decodeChain(restored, [277]), expected)).toBeLessThan(tolerance);
  });

  it('can be cut back and shares its prefix', async () => {
    await restored.load(statePath);
    expect(await restored.prefill([...prompt.slice(0, 20), 301])).toBe(20);
    await sequence.prefill([...prompt.slice(0, 20), 301]);
    const expected = await decodeChain(sequence, [277]);
    expect(rowDistance(await decodeChain(restored, [277]), expected)).toBeLessThan(tolerance);
  });

  it('has a committed path and not the rest of its tree', async () => {
    takeRows(await sequence.decode({ tokens: [270, 281, 292], parents: [-1, -1, 1], sampler }));
    sequence.commit(1);
    await sequence.save(statePath);
    await restored.load(statePath);
    expect(Array.from(restored.tokens)).toEqual([...prompt, 281]);
    const expected = await decodeChain(sequence, [277]);
    expect(rowDistance(await decodeChain(restored, [277]), expected)).toBeLessThan(tolerance);
  });

  it('does not have a tree that nothing of was committed', async () => {
    takeRows(await sequence.decode({ tokens: [270, 281], sampler }));
    await sequence.save(statePath);
    expect(() => sequence.commit(1)).toThrow(RangeError);
    await restored.load(statePath);
    const expected = await decodeChain(sequence, [277]);
    expect(rowDistance(await decodeChain(restored, [277]), expected)).toBeLessThan(tolerance);
  });

  it.each(['mamba', 'lfm2'] as const)('keeps the recurrent state of %s', async (architecture) => {
    const path = join(folder, `${architecture}.gguf`);
    writeTinyModel(path, { architecture, vocabSize: 320 });
    using recurrent = await loadModel(path, { gpu: 'off' });
    using first = await recurrent.createContext(options);
    using second = await recurrent.createContext(options);
    await first.sequence().prefill(prompt);
    await first.sequence().save(statePath);
    await second.sequence().load(statePath);
    const [one, two] = [first.sequence(), second.sequence()];
    expect(rowDistance(await decodeChain(two, [277]), await decodeChain(one, [277]))).toBeLessThan(tolerance);
  });
});

/** Loads `path` in vain and checks that the sequence goes on as before. */
async function expectRefused(path: string, why: RegExp): Promise<void> {
  await restored.prefill(other);
  const loading = restored.load(path);
  await expect(loading).rejects.toThrow(StateFileError);
  await expect(loading).rejects.toThrow(why);
  expect(Array.from(restored.tokens)).toEqual(other);
  await sequence.prefill(other);
  const expected = await decodeChain(sequence, [277]);
  expect(rowDistance(await decodeChain(restored, [277]), expected)).toBeLessThan(tolerance);
}

describe('a state file', () => {
  it('of another model is refused and says what differs', async () => {
    const path = join(folder, 'qwen2.gguf');
    writeTinyModel(path, { architecture: 'qwen2', vocabSize: 320 });
    using another = await loadModel(path, { gpu: 'off' });
    using anotherContext = await another.createContext(options);
    await anotherContext.sequence().prefill(prompt);
    await anotherContext.sequence().save(damagedPath);
    await expectRefused(damagedPath, /another model: architecture is qwen2 there and llama here/);
  });

  it.each([0, 5, 40, 400, 4000, -1])('cut off after %d bytes is refused', async (numBytes) => {
    writeFileSync(damagedPath, readFileSync(statePath).subarray(0, numBytes));
    await expectRefused(damagedPath, /not a saved state|damaged/);
  });

  it.each([
    ['magic', 3],
    ['tokens', 600],
    ['cache', 5000],
  ])('with a flipped bit in its %s is refused', async (_, offset) => {
    const bytes = readFileSync(statePath);
    bytes[offset]! ^= 1;
    writeFileSync(damagedPath, bytes);
    await expectRefused(damagedPath, /not a saved state|damaged/);
  });

  it('with a header of another version is refused', async () => {
    const bytes = readFileSync(statePath).toString('latin1').replace('"version":1', '"version":2');
    writeFileSync(damagedPath, bytes, 'latin1');
    await expectRefused(damagedPath, /version cannot read/);
  });

  it('that is not there is refused', async () => {
    await expectRefused(join(folder, 'none.state'), /none.state could not be read/);
  });

  it('of another cache type is a StateFileError, and the sequence can be used', async () => {
    using halves = await model.createContext({ ...options, kvType: 'f16' });
    await expect(halves.sequence().load(statePath)).rejects.toThrow(StateFileError);
    expect(halves.sequence().length).toBe(0);
    expect((await decodeChain(halves.sequence(), [277])).ids.length).toBeGreaterThan(0);
  });

  it('of more tokens than the context holds is a ContextFullError', async () => {
    using large = await model.createContext({ ...options, contextSize: 512 });
    await large.sequence().prefill(Array.from({ length: 300 }, () => 270));
    await large.sequence().save(damagedPath);
    await expect(restored.load(damagedPath)).rejects.toThrow(ContextFullError);
  });
});

/** Tries to save a long sequence to `statePath` where no file may grow beyond `numKib` KiB. */
async function saveWithin(numKib: number): Promise<string> {
  const source = `
    const { loadModel } = await import(${JSON.stringify(distUrl)});
    const model = await loadModel(${JSON.stringify(modelPath)}, { gpu: 'off' });
    const context = await model.createContext({ contextSize: 256 });
    await context.sequence().prefill(new Array(200).fill(270));
    await context.sequence().save(${JSON.stringify(statePath)}).then(
      () => process.stdout.write('saved'),
      ({ name, code }) => process.stdout.write(name + ' ' + code),
    );`;
  const script = 'ulimit -f "$0"; exec "$@"';
  const command = ['-c', script, String(numKib), process.execPath, '--input-type=module', '-e', source];
  return (await promisify(execFile)('bash', command)).stdout;
}

describe('a save', () => {
  it.each([
    ['a file', () => join(modelPath, 'saved.state')],
    ['missing', () => join(folder, 'none', 'saved.state')],
  ])('into a folder that is %s is a StateFileError naming the path', async (_, path) => {
    const saving = sequence.save(path());
    await expect(saving).rejects.toThrow(StateFileError);
    await expect(saving).rejects.toThrow(path());
  });

  it('into a folder without write permission is a StateFileError', async (context) => {
    if (process.getuid?.() === 0) return context.skip('root may write to any folder');
    const locked = mkdtempSync(join(folder, 'locked-'));
    chmodSync(locked, 0o500);
    await expect(sequence.save(join(locked, 'saved.state'))).rejects.toThrow(StateFileError);
  });

  it('that cannot take its place leaves no other file behind', async () => {
    const taken = mkdtempSync(join(folder, 'taken-'));
    await expect(sequence.save(taken)).rejects.toThrow(StateFileError);
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')(
    'that outgrows the space there is keeps the old file and leaves no other one',
    async () => {
      const before = readFileSync(statePath);
      expect(await saveWithin(8)).toBe('StateFileError STATE_FILE');
      expect(readFileSync(statePath).equals(before)).toBe(true);
      expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
      expect(await saveWithin(100_000)).toBe('saved');
      expect(readFileSync(statePath).equals(before)).toBe(false);
    },
  );
});
