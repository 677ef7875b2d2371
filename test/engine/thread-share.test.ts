// Which of its threads compute, and what the guard makes of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ThreadGovernor } from '../../src/engine/thread-governor.js';
import { ComputePool } from '../../src/model/compute-pool.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-share-'));
  writeTinyModel(join(folder, 'target.gguf'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('an engine learns what rounds cost by the threads that compute', async () => {
  // What the rest of the machine does is no matter here.
  const tick = vi.spyOn(ThreadGovernor.prototype, 'tick').mockReturnValue(undefined);
  const pool = new ComputePool(2);
  const engine = await loadEngine(join(folder, 'target.gguf'), undefined, {
    drafter: ['suffix'],
    guard: true,
    context: { contextSize: 256, pool },
  });
  const cost = engine.cost!;
  const tell = vi.spyOn(cost, 'setThreadShare');
  await engine.generate('bada', { maxTokens: 8, ignoreEos: true }).finish();
  expect(new Set(tell.mock.calls.flat())).toEqual(new Set([1]));
  const confirm = vi.spyOn(cost, 'confirm');
  for (const isDisturbed of [undefined, true, false]) {
    tick.mockReturnValue(isDisturbed);
    await engine.generate('bada', { maxTokens: 2, ignoreEos: true }).finish();
    expect(confirm.mock.calls.length > 0).toBe(isDisturbed === false);
  }
  tick.mockReturnValue(undefined);
  pool.active = 1;
  await engine.generate('bada', { maxTokens: 8, ignoreEos: true }).finish();
  expect(tell.mock.calls.at(-1)).toEqual([0.5]);
  // Where a GPU computes, threads are no matter.
  tell.mockClear();
  vi.spyOn(engine.target, 'gpuLayers', 'get').mockReturnValue(4);
  await engine.generate('bada', { maxTokens: 8, ignoreEos: true }).finish();
  expect(tell).not.toHaveBeenCalled();
  await engine.dispose();
});

it('costs are measured with all threads, also where an engine before gave some up', async () => {
  const pool = new ComputePool(2);
  pool.active = 1;
  const engine = await loadEngine(join(folder, 'target.gguf'), undefined, {
    drafter: ['suffix'],
    guard: true,
    measureContexts: [],
    context: { contextSize: 256, pool },
  });
  expect(pool.active).toBe(2);
  await engine.dispose();
});
