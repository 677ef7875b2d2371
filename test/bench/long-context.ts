// A verification batch on a long context, dense beside sparse.
// npm run bench:long-context [-- MODEL.gguf] [-- LENGTH...]; without a model one of 1B parameters is made. With
// OUTRIDER_PICTURES=FOLDER it draws what it measured, too. On an NVIDIA GPU, under native/bench/kernel_times.cc
// (CUDA_INJECTION64_PATH=native/build/bin/libkernel_times.so), it tells what the kernels take: a part a length and method.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import { inflateModel } from '../../src/gguf/inflate.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { defaultBlockSize, type AttentionPlan, type SparsePlan } from '../../src/sparse/plan.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { writeLineChart } from '../helpers/line-chart.js';
import { machine } from './measure.js';

const repetitions = Number(process.env['OUTRIDER_REPETITIONS'] ?? 7);
const callsOfAKind = 4;
const batchTokens = 8;
const tracesKernels = process.env['CUDA_INJECTION64_PATH'] !== undefined;
const budget = 1024;
const given = process.argv.slice(2);
const givenModel = given.find((word) => Number.isNaN(Number(word)));
const lengths = given.map(Number).filter((length) => length > 0);
if (lengths.length === 0) lengths.push(512, 4096, 8192, 16_384);
const folder = mkdtempSync(join(tmpdir(), 'outrider-long-'));
const sampler = new Sampler({ temperature: 0 });
const attention: AttentionPlan = { budget, blockSize: defaultBlockSize, sinkTokens: 16, localTokens: 128 };
const bareLength = 32;
const everyFourth = Array.from({ length: 64 }, (_, index) => 4 * index);

function madeModel(): string {
  const [small, path] = [join(folder, 'small.gguf'), join(folder, 'target.gguf')];
  writeTinyModel(small, { headDim: 64, heads: 8, kvHeads: 2, layers: 2, contextLength: 262_144 });
  inflateModel(small, path, { parameters: 1e9, tensorType: 'q4_0' });
  return path;
}

/** Lets the kernels of some batches of this kind be counted. */
async function traceKernels(name: string, decode: () => Promise<number>): Promise<void> {
  for (let call = 0; call < callsOfAKind; call++) await decode();
  process.kill(process.pid, 'SIGUSR2');
  for (let call = 0; call < callsOfAKind; call++) await decode();
  process.kill(process.pid, 'SIGUSR2');
  process.stdout.write(`a part of ${callsOfAKind} batches: ${name}\n`);
}

/** Milliseconds of llama_decode over one batch, which is dropped again. */
async function decodeMs(sequence: Sequence, sparse?: SparsePlan): Promise<number> {
  const tokens = Int32Array.from(
    { length: batchTokens },
    (_, index) => 270 + ((sequence.length + index) % 40),
  );
  const { rows, decodeMs } = await sequence.decode({ tokens, sampler, sparse });
  rows.release();
  sequence.commit(-1);
  return decodeMs;
}

try {
  const model = await loadModel(givenModel ?? madeModel());
  const contextSize = Math.max(...lengths) + 256;
  const context = await model.createContext({ contextSize, flashAttention: 'on' });
  const sequence = context.sequence();
  process.stdout.write(
    `${machine()}; ${(model.info.numParameters / 1e6).toFixed(0)}M parameters, ${model.info.numLayers} layers, ` +
      `${batchTokens} tokens, ${budget} of the context read\n`,
  );
  const anchors = everyFourth.filter((layer) => layer < model.info.numLayers);
  const points: { method: string; tokens: number; ms: number }[] = [];
  let bare = 0;
  for (const length of [bareLength, ...lengths]) {
    const prompt = Int32Array.from({ length }, (_, index) => (index === 0 ? 1 : 270 + ((index * 7) % 40)));
    process.stderr.write(`reading ${length} tokens\n`);
    await sequence.prefill(prompt);
    const plans = {
      dense: undefined,
      'every layer chooses': { attention },
      'every fourth layer chooses': { attention: { ...attention, anchors } },
    };
    const times = Object.entries(plans).map(([name, plan]) => ({ name, plan, ms: [] as number[] }));
    for (let repetition = -1; repetition < repetitions; repetition++) {
      for (const { plan, ms } of times) {
        // A graph is built when the kind of batch changes, and recorded on a GPU when it came twice.
        let spent = 0;
        for (let call = 0; call < callsOfAKind; call++) spent = await decodeMs(sequence, plan);
        if (repetition >= 0) ms.push(spent);
      }
    }
    const dense = median(times[0]!.ms);
    if (length === bareLength) bare = dense;
    const ceiling = bare + ((dense - bare) * Math.min(budget, length)) / length;
    process.stdout.write(
      `${length} tokens: ceiling ${ceiling.toFixed(1)} ms, ${(dense / ceiling).toFixed(2)} times\n`,
    );
    points.push({ method: 'ceiling', tokens: length, ms: ceiling });
    for (const { name, ms } of times) {
      points.push({ method: name, tokens: length, ms: median(ms) });
      process.stdout.write(
        `${length} tokens, ${name}: ${median(ms).toFixed(1)} ms (${Math.min(...ms).toFixed(1)}-${Math.max(...ms).toFixed(1)}), ` +
          `${(dense / median(ms)).toFixed(2)} times as fast as dense\n`,
      );
    }
    for (const { name, plan } of tracesKernels ? times : []) {
      await traceKernels(`${length} tokens, ${name}`, () => decodeMs(sequence, plan));
    }
  }
  const pictures = process.env['OUTRIDER_PICTURES'];
  if (pictures !== undefined) {
    await writeLineChart({
      title: `A batch of ${batchTokens} tokens, ${budget} tokens of the context read`,
      rows: points,
      x: { field: 'tokens', title: 'tokens of context' },
      y: { field: 'ms', title: 'milliseconds' },
      colour: { field: 'method', title: 'attention' },
      dashed: ['ceiling'],
      path: join(pictures, 'long-context.svg'),
    });
  }
  context.dispose();
  model.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
