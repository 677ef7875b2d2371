import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OutriderError } from '../../src/errors.js';
import { enableGpu, listDevices, type GpuChoice } from '../../src/model/gpu-plugins.js';
import { loadModel } from '../../src/model/load-model.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { greedyTokens } from '../helpers/rows.js';

// ggml passes a software device over unless it is named.
process.env['GGML_VK_VISIBLE_DEVICES'] ??= '0';
const folder = mkdtempSync(join(tmpdir(), 'outrider-gpu-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What asking for a backend by name gives: its devices, or why there are none. */
function tryGpu(choice: GpuChoice): { numDevices: number; error: unknown } {
  try {
    return { numDevices: enableGpu(choice).length, error: undefined };
  } catch (error) {
    return { numDevices: 0, error };
  }
}

describe('enableGpu', () => {
  it('off gives no device', () => {
    expect(enableGpu('off')).toEqual([]);
  });

  it.for(['cuda', 'vulkan', 'metal'] as const)(
    '%s on a machine without such a device says what was tried',
    (choice, context) => {
      const { numDevices, error } = tryGpu(choice);
      if (numDevices > 0) return context.skip(`there is a ${choice} device`);
      expect(error).toBeInstanceOf(OutriderError);
      expect((error as OutriderError).code).toBe('PLUGIN');
      const tried = choice === 'metal' ? 'builds on macOS' : `node-llama-cpp|${choice} backend`;
      expect((error as Error).message).toMatch(new RegExp(tried));
    },
  );
});

describe('listDevices', () => {
  it('has the CPU, with its memory', () => {
    const cpu = listDevices().find(({ type }) => type === 'cpu');
    expect(cpu?.totalBytes).toBeGreaterThan(0);
  });
});

describe('a model on a Vulkan device', () => {
  it('gives the greedy tokens of the CPU', async (context) => {
    const { numDevices, error } = tryGpu('vulkan');
    if (numDevices === 0) return context.skip(`no Vulkan device: ${(error as Error).message}`);
    const path = join(folder, 'llama.gguf');
    writeTinyModel(path, { vocabSize: 320 });
    const outputs: number[][] = [];
    for (const gpu of ['off', 'vulkan'] as const) {
      using model = await loadModel(path, { gpu, gpuLayers: 'max' });
      expect(model.gpuLayers === 0).toBe(gpu === 'off');
      using decoder = await model.createContext({ contextSize: 256, kvType: 'f32', flashAttention: 'off' });
      outputs.push(await greedyTokens(decoder.sequence(), [1, 300, 280, 265], 24));
    }
    expect(outputs[1]).toEqual(outputs[0]);
  });
});
