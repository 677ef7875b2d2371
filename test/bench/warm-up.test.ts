// What generations that only teach say of costs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { warmUp } from '../../src/bench/theory/method-bench.js';
import { RoundCost } from '../../src/cost/round-cost.js';
import { createEngine } from '../../src/engine/engine.js';
import { loadModel } from '../../src/model/load-model.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-warm-up-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a generation that only teaches', () => {
  it('tells what plain decoding costs, of an engine that has nothing else', async () => {
    const path = join(folder, 'target.gguf');
    writeTinyModel(path, {});
    const target = await loadModel(path, { gpu: 'off' });
    const engine = await createEngine({ target, drafter: 'none', context: { contextSize: 128, threads: 1 } });
    const cost = new RoundCost();
    await warmUp({ engine, cost }, Int32Array.of(1, 2, 3), { maxTokens: 24, ignoreEos: true, seed: 1 });
    expect(cost.predict(0, 16)).toBeGreaterThan(0);
    await engine.dispose();
    target.dispose();
  });
});
