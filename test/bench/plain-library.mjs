// Plain decoding through the library, as plain_loop.cc does it without.
// node plain-library.mjs MODEL N_THREADS N_CTX, then on each line of stdin: N_TOKENS TOKEN...
import { createInterface } from 'node:readline';
import { createEngine, loadModel } from '../../dist/index.js';

const [path, threads, contextSize] = process.argv.slice(2);
const target = await loadModel(path, { gpu: 'off' });
const engine = await createEngine({
  target,
  context: { contextSize: Number(contextSize), threads: Number(threads) },
});
for await (const line of createInterface({ input: process.stdin })) {
  const [maxTokens, ...prompt] = line.split(' ').map(Number);
  await engine.sequence.truncate(0);
  const generation = engine.generate(prompt, { maxTokens, sampling: { temperature: 0 }, ignoreEos: true });
  const { stats, tokens } = await generation.finish();
  process.stdout.write(`${((1000 * tokens.length) / stats.tokensPerSecond).toFixed(6)} ${tokens.at(-1)}\n`);
}
await engine.dispose();
target.dispose();
