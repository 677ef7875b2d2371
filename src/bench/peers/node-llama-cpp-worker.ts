// node-llama-cpp as a process: a request a line on stdin, an answer a line on stdout; ends when stdin closes. A process
// of its own, because two copies of ggml under the same library names must not share one.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  DraftSequenceTokenPredictor,
  getLlama,
  InputLookupTokenPredictor,
  LlamaLogLevel,
  type LlamaContextSequence,
  type Llama,
  type LlamaModel,
  type Token,
  type TokenPredictor,
} from 'node-llama-cpp';
import type { WorkerAnswer, WorkerLine, WorkerRequest, WorkerSettings } from './node-llama-cpp-protocol.js';

/** What answers requests. */
interface Setup {
  readonly target: LlamaModel;
  readonly sequence: LlamaContextSequence;
  /** Sequences to be emptied after a request. */
  readonly sequences: readonly LlamaContextSequence[];
  readonly lookup: InputLookupTokenPredictor | undefined;
}

const say = (line: WorkerLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function openSequence(
  model: LlamaModel,
  settings: WorkerSettings,
  tokenPredictor?: TokenPredictor,
): Promise<LlamaContextSequence> {
  const { contextSize, threads, batchSize, kvType = 'f16', flashAttention = 'auto' } = settings;
  const cacheType = kvType.toUpperCase() as Uppercase<typeof kvType>;
  const context = await model.createContext({
    contextSize,
    threads,
    ...(batchSize !== undefined && { batchSize }),
    flashAttention: flashAttention === 'auto' ? 'auto' : flashAttention === 'on',
    experimentalKvCacheKeyType: cacheType,
    experimentalKvCacheValueType: cacheType,
  });
  return context.getSequence(tokenPredictor === undefined ? {} : { tokenPredictor });
}

async function setUp(llama: Llama, settings: WorkerSettings): Promise<Setup> {
  const { drafts, targetPath, draftPath, numDraft } = settings;
  const target = await llama.loadModel({ modelPath: targetPath });
  if (drafts === 'model') {
    const draft = await openSequence(await llama.loadModel({ modelPath: draftPath! }), settings);
    const predictor = new DraftSequenceTokenPredictor(draft, {
      minTokens: 0,
      maxTokens: numDraft,
      minConfidence: 0,
      // The likeliest draft is the one that an exact match accepts most.
      evaluateOptions: { topK: 0, topP: 1, minP: 0, temperature: 0 },
    });
    const sequence = await openSequence(target, settings, predictor);
    return { target, sequence, sequences: [sequence, draft], lookup: undefined };
  }
  const lookup =
    drafts === 'lookup' ? new InputLookupTokenPredictor({ predictionLength: { max: numDraft } }) : undefined;
  const sequence = await openSequence(target, settings, lookup);
  return { target, sequence, sequences: [sequence], lookup };
}

async function generate(setup: Setup, request: WorkerRequest): Promise<WorkerAnswer> {
  const { target, sequence, sequences, lookup } = setup;
  const { maxTokens, temperature, topK, topP, minP, seed, ignoreEos } = request;
  const prompt = request.prompt as Token[];
  lookup?.updateInputTokens(prompt);
  const before = { ...sequence.tokenPredictions };
  const tokens: Token[] = [];
  const startedAt = performance.now();
  let [firstAt, lastAt] = [startedAt, startedAt];
  const options = { temperature, topK, topP, minP, seed, yieldEogToken: ignoreEos };
  for await (const token of sequence.evaluate(prompt, options)) {
    lastAt = performance.now();
    if (tokens.length === 0) firstAt = lastAt;
    tokens.push(token);
    if (tokens.length === maxTokens) break;
  }
  const { validated, refuted } = sequence.tokenPredictions;
  // Waits for drafts that are still being made, too.
  for (const used of sequences) await used.clearHistory();
  const acceptedTokens = validated - before.validated;
  return {
    text: target.detokenize(tokens, false, prompt),
    tokens,
    decodeMs: lastAt - firstAt,
    firstTokenMs: firstAt - startedAt,
    wallMs: lastAt - startedAt,
    draftTokens: acceptedTokens + refuted - before.refuted,
    acceptedTokens,
  };
}

function packageVersion(): string {
  const file = new URL('../package.json', import.meta.resolve('node-llama-cpp'));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

const settings = JSON.parse(process.argv[2]!) as WorkerSettings;
const llama = await getLlama({
  gpu: false,
  build: 'never',
  progressLogs: false,
  logLevel: LlamaLogLevel.error,
  logger: (_, message) => void process.stderr.write(`${message}\n`),
  maxThreads: settings.threads,
});
const setup = await setUp(llama, settings);
say({ kind: 'ready', version: `${packageVersion()}, llama.cpp ${llama.llamaCppRelease.release}` });
for await (const line of createInterface({ input: process.stdin })) {
  say({ kind: 'answer', answer: await generate(setup, JSON.parse(line) as WorkerRequest) });
}
process.exit(0);
