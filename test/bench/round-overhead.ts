// What a round costs beside llama_decode: drafting, rows, verdict, commit and bookkeeping.
// npm run bench:rounds
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import { AcceptanceModel } from '../../src/draft/acceptance-model.js';
import { DraftModelDrafter, type DraftSequence } from '../../src/draft/draft-model.js';
import { createEngine } from '../../src/engine/engine.js';
import { inflateModel } from '../../src/gguf/inflate.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { leavesOf, parseTreeShape, shapeFor } from '../../src/tree/tree-shape.js';
import type { SamplingParams } from '../../src/types.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { machine } from './measure.js';

const repetitions = 5;
const maxTokens = 120;
const contextSize = 1024;
const vocabSize = 32_000;
const prompt = [1, ...Array.from({ length: 31 }, (_, index) => 270 + index)];
const folder = mkdtempSync(join(tmpdir(), 'outrider-rounds-'));
const [targetPath, draftPath] = [join(folder, 'target.gguf'), join(folder, 'draft.gguf')];
const model = { vocabSize, headDim: 64, heads: 2, kvHeads: 1, contextLength: contextSize };

/** The draft's sequence, with the time that it spends in llama.cpp. */
class TimedSequence implements DraftSequence {
  decodeMs = 0;
  readonly #sequence: Sequence;

  constructor(sequence: Sequence) {
    this.#sequence = sequence;
  }

  prefill(...args: Parameters<Sequence['prefill']>) {
    return this.#sequence.prefill(...args);
  }

  async draft(...args: Parameters<Sequence['draft']>) {
    const drafted = await this.#sequence.draft(...args);
    this.decodeMs += drafted.decodeMs;
    return drafted;
  }

  async grow(...args: Parameters<Sequence['grow']>) {
    const grown = await this.#sequence.grow(...args);
    this.decodeMs += grown.decodeMs;
    return grown;
  }

  decode(...args: Parameters<Sequence['decode']>) {
    return this.#sequence.decode(...args);
  }

  commit(node: number): void {
    this.#sequence.commit(node);
  }
}

async function measure(tree: string, sampling: SamplingParams): Promise<string> {
  const shape = shapeFor(parseTreeShape(tree), true);
  const [target, draft] = [await loadModel(targetPath), await loadModel(draftPath)];
  const maxLeaves = leavesOf(shape);
  const draftContext = await draft.createContext({ contextSize, maxLeaves });
  const sequence = new TimedSequence(draftContext.sequence());
  const acceptance = new AcceptanceModel();
  const drafter = new DraftModelDrafter({
    sequence,
    contextSize,
    vocabSize,
    targetVocabSize: vocabSize,
    shape,
    siblings: 'withoutReplacement',
    acceptance: () => acceptance,
    createSampler: (params) => new Sampler(params),
  });
  const context = { contextSize, maxLeaves };
  const engine = await createEngine({ target, drafter, context, measureSpeedup: false, guard: false });
  const shares: number[] = [];
  let figures = '';
  for (let repetition = -1; repetition < repetitions; repetition++) {
    sequence.decodeMs = 0;
    const options = { maxTokens, sampling, seed: repetition + 1, ignoreEos: true };
    const { stats } = await engine.generate(prompt, options).finish();
    const roundsMs = stats.draftMs + stats.decodeMs + stats.verifyMs + stats.overheadMs;
    if (repetition < 0) continue;
    shares.push(1 - (stats.decodeMs + sequence.decodeMs) / roundsMs);
    const perRound = (ms: number): string => (ms / stats.rounds).toFixed(2);
    figures =
      `a round of ${perRound(roundsMs)} ms: target ${perRound(stats.decodeMs)}, draft's llama_decode ` +
      `${perRound(sequence.decodeMs)}, its rows and tree ${perRound(stats.draftMs - sequence.decodeMs)}, target's rows and ` +
      `verdict ${perRound(stats.verifyMs)}, the rest ${perRound(stats.overheadMs)}`;
  }
  await engine.dispose();
  draftContext.dispose();
  target.dispose();
  draft.dispose();
  return `overhead ${(100 * median(shares)).toFixed(2)} %; ${figures}`;
}

writeTinyModel(draftPath, { ...model, noise: { seed: 1, relative: 0.05 } });
const small = join(folder, 'small.gguf');
writeTinyModel(small, model);
inflateModel(small, targetPath, { parameters: 300e6, tensorType: 'q8_0' });
try {
  process.stdout.write(`${machine()}; target of 300M parameters in Q8_0, vocabulary of ${vocabSize}\n`);
  for (const tree of ['chain:4', 'chain:8', 'auto:8', 'dynamic:32']) {
    for (const [name, sampling] of [
      ['top-k 40', { topK: 40 }],
      ['untruncated', {}],
      ['greedy', { temperature: 0 }],
    ] as const)
      process.stdout.write(`${tree}, ${name}: ${await measure(tree, sampling)}\n`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
