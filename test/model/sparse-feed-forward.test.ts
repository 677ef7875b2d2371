// Feed-forward channels that are left out, against models whose weights on the way down are 0 there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TensorType } from '../../src/gguf/format.js';
import { loadModel, type LoadModelOptions } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Distribution } from '../../src/sampling/distribution.js';
import type { SparsePlan } from '../../src/sparse/plan.js';
import { rewriteGguf } from '../fixtures/gguf-rewrite.js';
import { cutChannels, quietGates, quietThreshold } from '../fixtures/quiet-channels.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext } from '../helpers/engines.js';
import { rowDistance, takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-channels-'));
const tokens = [300, 271, 305, 290, 288, 301, 276, 295];
const types: readonly TensorType[] = ['f32', 'f16', 'q8_0', 'q4_0'];
const file = (name: string): string => join(folder, `${name}.gguf`);

beforeAll(() => {
  for (const architecture of ['llama', 'gemma3'] as const) {
    writeTinyModel(file('plain'), { architecture });
    quietGates(file('plain'), file(`${architecture}-quiet`));
    cutChannels(file(`${architecture}-quiet`), file(`${architecture}-cut`));
    for (const name of ['quiet', 'cut']) {
      for (const type of types) {
        rewriteGguf(file(`${architecture}-${name}`), file(`${architecture}-${name}-${type}`), {
          typeOf: (tensor) =>
            /ffn_.*weight/.test(tensor.name) && tensor.shape.length > 1 ? type : tensor.type,
        });
      }
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

async function rowsOf(
  name: string,
  sparse?: SparsePlan,
  options: LoadModelOptions = {},
): Promise<Distribution[]> {
  using model = await loadModel(file(name), { gpu: 'off', repackWeights: false, ...options });
  using context = await model.createContext({ ...exactContext, threads: 2 });
  return takeRows(await context.sequence().decode({ tokens, sampler: new Sampler(), sparse }));
}

function largestDistance(one: readonly Distribution[], other: readonly Distribution[]): number {
  return Math.max(...one.map((row, index) => rowDistance(row, other[index]!)));
}

const plan = (...thresholds: number[]): SparsePlan => ({ feedForward: { thresholds } });

describe.each(['llama', 'gemma3'])('channels that are left out of a %s model', (architecture) => {
  it.each(types)('in %s are those of blocks that stay below the threshold', async (type) => {
    const quiet = `${architecture}-quiet-${type}`;
    const thinned = await rowsOf(quiet, plan(quietThreshold, quietThreshold));
    const cut = await rowsOf(`${architecture}-cut-${type}`);
    const dense = await rowsOf(quiet);
    expect(largestDistance(thinned, cut)).toBeLessThan(type === 'f32' ? 1e-5 : 2e-3);
    expect(largestDistance(thinned, cut)).toBeLessThan(largestDistance(thinned, dense) / 5);
  });

  it('are none of layers whose threshold is 0, to the last bit', async () => {
    const quiet = `${architecture}-quiet-f32`;
    expect(await rowsOf(quiet, plan(0, 0))).toEqual(await rowsOf(quiet));
    const first = await rowsOf(quiet, plan(quietThreshold, 0));
    const second = await rowsOf(quiet, plan(0, quietThreshold));
    expect(largestDistance(first, second)).toBeGreaterThan(1e-5);
  });
});

describe('a context', () => {
  it.each([
    ['llama-quiet-q4_0', false, 2],
    ['llama-quiet-q4_0', true, 0],
    ['llama-quiet-f32', true, 2],
  ])(
    'of %s, rearranged: %s, has %i layers whose channels can be left out',
    async (name, repackWeights, layers) => {
      using model = await loadModel(file(name), { gpu: 'off', repackWeights });
      using context = await model.createContext(exactContext);
      expect((await context.sparseSupport()).feedForwardLayers).toBe(layers);
    },
  );

  it.each([[[0.1]], [[0.1, -1]], [[0.1, Number.NaN]]])('refuses the thresholds %j', async (thresholds) => {
    await expect(rowsOf('llama-quiet-f32', plan(...thresholds))).rejects.toThrow(
      'Expected 2 thresholds of at least 0',
    );
  });
});
