// A verification batch of a model with many experts, each token skipping some, beside the dense one.
// npm run bench:sparse-experts; OUTRIDER_GPU=auto takes a GPU if there is one
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import type { GpuChoice } from '../../src/model/gpu-plugins.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { interleave, machine, medianRatio } from './measure.js';

const repetitions = 7;
const batchTokens = 8;
const calls = 10;
const shape = { layers: 4, embedding: 1024, headDim: 64, heads: 16, kvHeads: 4, feedForward: 768 } as const;
const [experts, expertsUsed] = [32, 4];
const folder = mkdtempSync(join(tmpdir(), 'outrider-experts-'));
const path = join(folder, 'target.gguf');

try {
  process.stderr.write('writing the model\n');
  writeTinyModel(path, { architecture: 'qwen3moe', experts, expertsUsed, tensorType: 'q4_0', ...shape });
  const model = await loadModel(path, { gpu: (process.env['OUTRIDER_GPU'] ?? 'off') as GpuChoice });
  const context = await model.createContext({ contextSize: 512 });
  const sequence = context.sequence();
  const sampler = new Sampler({ temperature: 0 });
  await sequence.prefill([1, ...Array.from({ length: 31 }, (_, index) => 270 + index)]);
  /** Milliseconds of llama_decode over some batches, of other tokens each. */
  const decode = (skipped: number) => async (): Promise<number> => {
    let total = 0;
    for (let call = -1; call < calls; call++) {
      const tokens = Int32Array.from(
        { length: batchTokens },
        (_, index) => 262 + ((call * 11 + index * 7 + 11) % 50),
      );
      const sparse = skipped === 0 ? undefined : { experts: { skipped } };
      const { rows, decodeMs } = await sequence.decode({ tokens, sampler, sparse });
      rows.release();
      sequence.commit(-1);
      // The first one builds its graph.
      if (call >= 0) total += decodeMs;
    }
    return total / calls;
  };
  const contenders = Object.fromEntries(
    [0, 1, 2, 3].map((skipped) => [`${skipped} skipped`, decode(skipped)]),
  );
  const times = await interleave(contenders, repetitions);
  process.stdout.write(
    `${machine()}; ${experts} experts, ${expertsUsed} used, ${shape.layers} layers, width ${shape.embedding}, Q4_0, ` +
      `${batchTokens} tokens\n`,
  );
  const dense = times['0 skipped']!;
  for (const name of Object.keys(contenders)) {
    const ms = times[name]!;
    process.stdout.write(
      `${name}: ${median(ms).toFixed(2)} ms, ${medianRatio(dense, ms).toFixed(2)} times as fast as dense\n`,
    );
  }
  context.dispose();
  model.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
