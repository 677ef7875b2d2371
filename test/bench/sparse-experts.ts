// A verification batch of a model with many experts, each token skipping some, beside the dense one: so many in any case,
// or by the median shares of its own tokens, times each of the given scales.
// npm run bench:sparse-experts [-- MODEL.gguf] [-- SCALE...]; OUTRIDER_GPU=auto takes a GPU if there is one
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import type { Context } from '../../src/model/context.js';
import type { GpuChoice } from '../../src/model/gpu-plugins.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import { meanSkipped, medianShares, type ExpertShares } from '../../src/sparse/calibration.js';
import type { ExpertPlan, SparsePlan } from '../../src/sparse/plan.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { interleave, machine, medianRatio } from './measure.js';

const repetitions = 7;
const batchTokens = 8;
const calls = 10;
const shape = { layers: 4, embedding: 1024, headDim: 64, heads: 16, kvHeads: 4, feedForward: 768 } as const;
const [experts, expertsUsed] = [32, 4];
const given = process.argv.slice(2);
const givenModel = given.find((word) => Number.isNaN(Number(word)));
const scales = given.map(Number).filter((scale) => scale > 0);
const folder = mkdtempSync(join(tmpdir(), 'outrider-experts-'));
const path = givenModel ?? join(folder, 'target.gguf');
const sampler = new Sampler({ temperature: 0 });

/** Milliseconds of llama_decode over one batch, of other tokens each call; it is dropped again. */
async function decodeMs(context: Context, call: number, sparse?: SparsePlan): Promise<number> {
  const tokens = Int32Array.from(
    { length: batchTokens },
    (_, index) => 262 + ((call * 11 + index * 7 + 11) % 50),
  );
  const { rows, decodeMs: ms } = await context.sequence().decode({ tokens, sampler, sparse });
  rows.release();
  context.sequence().commit(-1);
  return ms;
}

/** Shares of the lightest experts in the batches that are timed. */
async function measuredShares(context: Context): Promise<ExpertShares[][]> {
  const batches: ExpertShares[][] = [];
  for (let call = 0; call < calls; call++) {
    await decodeMs(context, call, { thresholds: [0.1] });
    batches.push((await context.sparseMeasures()).experts);
  }
  return batches;
}

try {
  if (givenModel === undefined) {
    process.stderr.write('writing the model\n');
    writeTinyModel(path, { architecture: 'qwen3moe', experts, expertsUsed, tensorType: 'q4_0', ...shape });
  }
  const model = await loadModel(path, { gpu: (process.env['OUTRIDER_GPU'] ?? 'off') as GpuChoice });
  const context = await model.createContext({ contextSize: 512 });
  await context.sequence().prefill([1, ...Array.from({ length: 31 }, (_, index) => 270 + index)]);
  const batches = await measuredShares(context);
  const most = Math.max(...batches.flat().map(({ numUsed }) => numUsed)) - 1;
  const medians = medianShares(batches, model.info.numLayers, most);
  const plans: Record<string, ExpertPlan | undefined> = { dense: undefined };
  for (let skipped = 1; skipped <= most; skipped++) {
    if (scales.length === 0) plans[`${skipped} skipped`] = { skipped };
    for (const scale of scales) {
      const shares = medians.map((row) => row.slice(0, skipped).map((share) => scale * share));
      const mean = meanSkipped(batches, shares).toFixed(2);
      plans[`at most ${skipped} skipped, shares times ${scale}: ${mean} a token`] = { skipped, shares };
    }
  }
  const decode = (plan: ExpertPlan | undefined) => async (): Promise<number> => {
    let total = 0;
    for (let call = -1; call < calls; call++) {
      const ms = await decodeMs(context, call, plan && { experts: plan });
      // The first one builds its graph.
      if (call >= 0) total += ms;
    }
    return total / calls;
  };
  const contenders = Object.fromEntries(Object.entries(plans).map(([name, plan]) => [name, decode(plan)]));
  const times = await interleave(contenders, repetitions);
  process.stdout.write(
    `${machine()}; ${givenModel ?? `${experts} experts, ${expertsUsed} used, ${shape.layers} layers, width ${shape.embedding}, Q4_0`}, ` +
      `${batchTokens} tokens\n`,
  );
  for (const name of Object.keys(contenders)) {
    const ms = times[name]!;
    process.stdout.write(
      `${name}: ${median(ms).toFixed(2)} ms, ${medianRatio(times['dense']!, ms).toFixed(2)} times as fast as dense\n`,
    );
  }
  context.dispose();
  model.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
