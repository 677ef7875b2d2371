// What the library costs beyond llama.cpp: plain decoding against a bare C++ loop, and the price of a distribution.
// npm run bench:overhead (after npm run build:native -- --bench)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, quantile } from 'simple-statistics';
import { Sampler } from '../../src/index.js';
import { inflateModel } from '../../src/gguf/inflate.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { interleave, LineServer, machine, medianRatio } from './measure.js';

/** Fresh processes for each pair: where their memory lies makes a difference, too. */
const pairs = 3;
const repetitions = 7;
/** Tokens before the first repetition; the JavaScript compiler works beside the first ones. */
const warmUpTokens = 400;
const threads = 2;
const contextSize = 1024;
const folder = mkdtempSync(join(tmpdir(), 'outrider-bench-'));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Milliseconds a token of both, and that they say the same. */
async function againstBareLoop(name: string, path: string, numTokens: number): Promise<void> {
  const prompt = [1, ...Array.from({ length: 15 }, (_, index) => 270 + index)];
  const lastTokens = new Set<number>();
  const figures: Record<string, number[]> = { bare: [], library: [] };
  for (let pair = 0; pair < pairs; pair++) {
    const args = [path, String(threads), String(contextSize)];
    const servers = {
      bare: new LineServer('native/build/bin/plain_loop', args),
      library: new LineServer(process.execPath, ['test/bench/plain-library.mjs', ...args]),
    };
    for (const server of Object.values(servers)) await server.ask([warmUpTokens, ...prompt].join(' '));
    const contender = (server: LineServer) => async (): Promise<number> => {
      const [ms, token] = (await server.ask([numTokens, ...prompt].join(' '))).split(' ').map(Number);
      lastTokens.add(token!);
      return ms! / numTokens;
    };
    const ofPair = await interleave(
      { bare: contender(servers.bare), library: contender(servers.library) },
      repetitions,
    );
    for (const [contenderName, values] of Object.entries(ofPair)) figures[contenderName]!.push(...values);
    await Promise.all(Object.values(servers).map((server) => server.close()));
  }
  if (lastTokens.size > 1) throw new Error(`${name}: the last tokens differ: ${[...lastTokens].join(', ')}`);
  const ratio = medianRatio(figures.bare!, figures.library!);
  const extra = median(figures.library!.map((ms, index) => 1000 * (ms - figures.bare![index]!)));
  const undisturbed = quantile(figures.bare!, 0.1) / quantile(figures.library!, 0.1);
  print(
    `${name}: bare loop ${median(figures.bare!).toFixed(4)} ms a token, library ${median(figures.library!).toFixed(4)} ms, ` +
      `speed of the library ${ratio.toFixed(4)} of the bare loop, ${extra.toFixed(1)} us more a round; ` +
      `of the fastest tenth of each ${undisturbed.toFixed(4)}`,
  );
}

/** Milliseconds from logits to a row. */
function ofDistribution(vocabSize: number, topK: number): void {
  const random = new SeededRandom(7, 'logits');
  const logits = Float32Array.from({ length: vocabSize }, () => 3 * random.normal());
  const sampler = new Sampler({ temperature: 0.8, topK });
  const times: number[] = [];
  for (let repetition = 0; repetition < 200; repetition++) {
    const started = performance.now();
    sampler.native.apply(logits, new Int32Array(0)).release();
    times.push(performance.now() - started);
  }
  print(`a distribution of ${vocabSize} logits with top-k ${topK}: ${median(times).toFixed(3)} ms a row`);
}

print(machine());
const tiny = join(folder, 'tiny.gguf');
const large = join(folder, 'large.gguf');
writeTinyModel(tiny, { headDim: 64, heads: 2, kvHeads: 1, contextLength: contextSize });
inflateModel(tiny, large, { parameters: 60e6, tensorType: 'q8_0' });
try {
  await againstBareLoop('60M parameters, q8_0', large, 400);
  inflateModel(tiny, large, { parameters: 300e6, tensorType: 'f16' });
  await againstBareLoop('300M parameters, f16', large, 64);
  await againstBareLoop('tiny model', tiny, 256);
  ofDistribution(128_000, 40);
  ofDistribution(128_000, 0);
} finally {
  rmSync(folder, { recursive: true });
}
