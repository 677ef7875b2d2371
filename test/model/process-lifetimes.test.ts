import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/model/load-model.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { packageUrl, runModule, type ChildEnd } from '../helpers/node-child.js';
import { greedyTokens } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-process-'));
const modelPath = join(folder, 'llama.gguf');

beforeAll(() => {
  expect(existsSync(fileURLToPath(packageUrl)), 'run npm run build first').toBe(true);
  writeTinyModel(modelPath, { vocabSize: 320 });
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Opens a model and a context of it in `sequence`; works in modules and in the text of workers. */
const open = `
  const { loadModel, Sampler } = await import(${JSON.stringify(packageUrl)});
  const model = await loadModel(${JSON.stringify(modelPath)}, { gpu: 'off' });
  const context = await model.createContext({ contextSize: 4096, batchSize: 4096, threads: 1 });
  const sequence = context.sequence();
  const sampler = new Sampler();`;
/** About a second of work. */
const startLongPrefill = 'const prefilling = sequence.prefill(new Array(3500).fill(270));';

describe('a process', () => {
  it('ends with code 0 when nothing was disposed', async () => {
    const end = await runModule(`${open}
      await sequence.prefill([1, 300]);
      await sequence.decode({ tokens: [301], sampler });
      process.stdout.write('done');`);
    expect(end).toEqual({ exitCode: 0, signal: null, stdout: 'done', stderr: '' });
  });

  it('waits for a decode that still runs', async () => {
    const end = await runModule(`${open} ${startLongPrefill}
      prefilling.then(() => process.stdout.write('prefilled'));`);
    expect(end).toEqual({ exitCode: 0, signal: null, stdout: 'prefilled', stderr: '' });
  });

  it('can exit while a decode runs', async () => {
    const exits = `${open} ${startLongPrefill}
      setTimeout(() => process.exit(7), 30);
      prefilling.then(() => process.stdout.write('prefilled'), () => undefined);`;
    // More at once than there are cores, so that a thread that goes on is still there when the process takes itself apart.
    const lane = async (): Promise<ChildEnd[]> => {
      const ends: ChildEnd[] = [];
      for (let run = 0; run < 4; run++) ends.push(await runModule(exits));
      return ends;
    };
    const ends = (await Promise.all([lane(), lane(), lane(), lane()])).flat();
    for (const end of ends) expect(end).toEqual({ exitCode: 7, signal: null, stdout: '', stderr: '' });
  });

  it('gives models, contexts and rows to the garbage collector', async () => {
    const end = await runModule(
      `const { loadModel, Sampler } = await import(${JSON.stringify(packageUrl)});
      async function use() {
        const model = await loadModel(${JSON.stringify(modelPath)}, { gpu: 'off' });
        const context = await model.createContext({ contextSize: 256 });
        const { rows } = await context.sequence().decode({ tokens: [1], sampler: new Sampler() });
        return [model, context, rows].map((object) => new WeakRef(object));
      }
      const references = await use();
      for (let round = 0; round < 10; round++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        globalThis.gc();
      }
      process.stdout.write(references.map((reference) => String(reference.deref() === undefined)).join());`,
      ['--expose-gc'],
    );
    expect(end).toEqual({ exitCode: 0, signal: null, stdout: 'true,true,true', stderr: '' });
  });
});

/** Runs `source` in a worker, after `open`, and waits for its first message. */
async function startWorker(source: string): Promise<{ worker: Worker; message: unknown }> {
  const text = `(async () => {
    const { parentPort } = require('node:worker_threads'); ${open} ${source} })();`;
  const worker = new Worker(text, { eval: true });
  const message = await new Promise<unknown>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return { worker, message };
}

describe('a worker thread', () => {
  const decodeAll = `
    await sequence.prefill([1, 300, 280]);
    const tokens = [];
    let next = 265;
    while (tokens.length < 8) {
      const { rows } = await sequence.decode({ tokens: [next], sampler });
      sequence.commit(0);
      const { ids, probs } = rows.row(0);
      tokens.push((next = ids[probs.indexOf(Math.max(...probs))]));
    }
    parentPort.postMessage(tokens);`;

  it('decodes what the main thread does, at the same time', async () => {
    using model = await loadModel(modelPath, { gpu: 'off' });
    using context = await model.createContext({ contextSize: 256 });
    const [{ worker, message }, tokens] = await Promise.all([
      startWorker(decodeAll),
      greedyTokens(context.sequence(), [1, 300, 280, 265], 8),
    ]);
    await worker.terminate();
    expect(message).toEqual(tokens);
  });

  it('that is terminated while it decodes leaves the process able to go on', async () => {
    const { worker, message } = await startWorker(`${startLongPrefill} parentPort.postMessage('decoding');
      await prefilling; parentPort.postMessage('prefilled');`);
    expect(message).toBe('decoding');
    const later: unknown[] = [];
    worker.on('message', (text) => later.push(text));
    expect(await worker.terminate()).toBe(1);
    expect(later).toEqual([]);
    using model = await loadModel(modelPath, { gpu: 'off' });
    using context = await model.createContext({ contextSize: 256 });
    expect(await greedyTokens(context.sequence(), [1, 300], 4)).toHaveLength(4);
  });

  it('can be terminated between one call into the addon and the next, at any moment', async () => {
    const worker = `(async () => { const { parentPort } = await import('node:worker_threads'); ${open}
      await sequence.prefill([1, 300]);
      parentPort.postMessage('decoding');
      for (;;) {
        const { rows } = await sequence.decode({ tokens: [301], sampler });
        rows.release();
        sequence.commit(-1);
      } })();`;
    const end = await runModule(`const { Worker } = await import('node:worker_threads');
      for (let run = 0; run < 20; run++) {
        const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
        await new Promise((resolve) => worker.once('message', resolve));
        await new Promise((resolve) => setTimeout(resolve, (run * 0.37) % 3));
        await worker.terminate();
      }
      process.stdout.write('all');`);
    expect(end).toEqual({ exitCode: 0, signal: null, stdout: 'all', stderr: '' });
  });
});
