// node-llama-cpp's draft model predictor, as a process that answers a JSON request a line with a JSON answer a line:
// node-llama-cpp-server.mjs TARGET DRAFT THREADS CONTEXT_SIZE NUM_DRAFT. A process of its own, because two copies of
// ggml under the same library names must not share one.
import { createInterface } from 'node:readline';
import { DraftSequenceTokenPredictor, getLlama, LlamaLogLevel, TokenBias } from 'node-llama-cpp';

const [targetPath, draftPath, threads, contextSize, numDraft] = process.argv.slice(2);
const llama = await getLlama({
  gpu: false,
  build: 'never',
  progressLogs: false,
  logLevel: LlamaLogLevel.error,
  maxThreads: Number(threads),
});
const target = await llama.loadModel({ modelPath: targetPath });
const draft = await llama.loadModel({ modelPath: draftPath });
const context = { contextSize: Number(contextSize), threads: Number(threads) };
const targetContext = await target.createContext(context);
const draftContext = await draft.createContext(context);

const bias = (model) => new TokenBias(model.tokenizer).set(model.tokens.eos, 'never');
const untruncated = { topK: 0, topP: 1, minP: 0 };

const draftSequence = draftContext.getSequence();
const sequence = targetContext.getSequence({
  tokenPredictor: new DraftSequenceTokenPredictor(draftSequence, {
    minTokens: 0,
    maxTokens: Number(numDraft),
    minConfidence: 0,
    // The likeliest draft is the one that an exact match accepts most.
    evaluateOptions: { ...untruncated, temperature: 0, tokenBias: bias(draft) },
  }),
});

async function generate({ prompt, maxTokens, temperature, seed }) {
  await sequence.clearHistory();
  await draftSequence.clearHistory();
  const before = { ...sequence.tokenPredictions };
  const tokens = [];
  let startedAt = 0;
  for await (const token of sequence.evaluate(target.tokenize(prompt).toSpliced(0, 0, target.tokens.bos), {
    ...untruncated,
    temperature,
    seed,
    tokenBias: bias(target),
  })) {
    if (tokens.length === 0) startedAt = performance.now();
    tokens.push(token);
    if (tokens.length === maxTokens) break;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const validated = sequence.tokenPredictions.validated - before.validated;
  const refuted = sequence.tokenPredictions.refuted - before.refuted;
  return {
    tokens,
    tokensPerSecond: (maxTokens - 1) / seconds,
    acceptance: validated / Math.max(validated + refuted, 1),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await generate(JSON.parse(line)))}\n`);
}
process.exit(0);
