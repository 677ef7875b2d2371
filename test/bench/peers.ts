// Speculation against peers on one GGUF pair in one run: tokens/s and acceptance of this engine, of node-llama-cpp's
// draft model predictor and of llama.cpp's llama-speculative-simple.
// npm run bench:peers -- SOURCE.gguf DRAFT.gguf path/to/llama-speculative-simple [PARAMETERS] [NUM_DRAFT]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import { createEngine, loadModel, type Engine } from '../../src/index.js';
import { inflateModel } from '../../src/gguf/inflate.js';
import { interleave, LineServer, machine, medianRatio, type Contender } from './measure.js';

const [source, draftPath, simple, parameters = '300e6', numDraft = '4'] = process.argv.slice(2);
if (source === undefined || draftPath === undefined || simple === undefined) {
  throw new TypeError('Expected SOURCE.gguf DRAFT.gguf and the path of llama-speculative-simple');
}
const threads = 2;
const contextSize = 512;
const maxTokens = 96;
const repetitions = 5;
const prompt = 'Once upon a time';
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** What one contender did last. */
interface Run {
  readonly tokens?: readonly number[];
  readonly acceptance: number;
}
const lastRuns = new Map<string, Run>();
const acceptances = new Map<string, number[]>();

function note(name: string, run: Run): void {
  lastRuns.set(name, run);
  acceptances.set(name, [...(acceptances.get(name) ?? []), run.acceptance]);
}

function ours(name: string, engine: Engine, temperature: number): Contender {
  const eos = engine.target.info.eosToken;
  let seed = 0;
  return async () => {
    await engine.sequence.truncate(0);
    const generation = engine.generate(prompt, {
      maxTokens,
      seed: seed++,
      sampling: { temperature, logitBias: new Map([[eos, -Infinity]]) },
    });
    const { stats, tokens } = await generation.finish();
    note(name, { tokens, acceptance: stats.acceptanceRate });
    return stats.tokensPerSecond;
  };
}

function nodeLlamaCpp(name: string, server: LineServer, temperature: number): Contender {
  let seed = 1;
  return async () => {
    const request = { prompt, maxTokens, temperature, seed: seed++ };
    const answer = JSON.parse(await server.ask(JSON.stringify(request))) as Run & { tokensPerSecond: number };
    note(name, answer);
    return answer.tokensPerSecond;
  };
}

function speculativeSimple(name: string, target: string, temperature: number): Contender {
  let seed = 1;
  return () => {
    const options = `--spec-type draft-simple --spec-draft-n-max ${numDraft} --spec-draft-n-min 0 --spec-draft-p-min 0`;
    const sampling = `--temp ${temperature} --top-k 0 --top-p 1 --min-p 0 --seed ${seed++} --ignore-eos`;
    const size = `-n ${maxTokens} -c ${contextSize} -t ${threads} -ngl 0`;
    const args = ['-m', target, '-md', draftPath!, '-p', prompt];
    const all = [...args, ...`${options} ${sampling} ${size}`.split(' ')];
    const { stdout, stderr, status } = spawnSync(simple!, all, { encoding: 'utf8' });
    const text = stdout + stderr;
    const speed = /decoded\s+\d+ tokens in\s+[\d.]+ seconds, speed:\s+([\d.]+)/.exec(text);
    const acceptance = /accept\s+=\s+([\d.]+)%/.exec(text);
    if (status !== 0 || speed === null || acceptance === null) {
      throw new Error(`${simple} failed with status ${status}: ${text.slice(-2000)}`);
    }
    note(name, { acceptance: Number(acceptance[1]) / 100 });
    return Promise.resolve(Number(speed[1]));
  };
}

const folder = mkdtempSync(join(tmpdir(), 'outrider-peers-'));
const target = join(folder, 'target.gguf');
const padded = inflateModel(source, target, { parameters: Number(parameters), tensorType: 'f16' });
print(
  `${machine()}; target inflated to ${(padded.parameters / 1e6).toFixed(0)}M parameters in f16, chain of ${numDraft}`,
);
const models = [await loadModel(target, { gpu: 'off' }), await loadModel(draftPath, { gpu: 'off' })] as const;
const context = { contextSize, threads };
const plain = await createEngine({ target: models[0], context });
const speculative = await createEngine({
  target: models[0],
  draft: models[1],
  context,
  tree: `chain:${numDraft}`,
  measureSpeedup: false,
  guard: false,
});
const server = new LineServer(process.execPath, [
  'test/bench/node-llama-cpp-server.mjs',
  ...[target, draftPath, String(threads), String(contextSize), numDraft],
]);
try {
  for (const temperature of [0, 1]) {
    acceptances.clear();
    const figures = await interleave(
      {
        'outrider, plain': ours('outrider, plain', plain, temperature),
        outrider: ours('outrider', speculative, temperature),
        'node-llama-cpp': nodeLlamaCpp('node-llama-cpp', server, temperature),
        'llama-speculative-simple': speculativeSimple('llama-speculative-simple', target, temperature),
      },
      repetitions,
    );
    print(`temperature ${temperature}`);
    for (const [name, speeds] of Object.entries(figures)) {
      const acceptance = median(acceptances.get(name)!);
      const ratio = medianRatio(figures['outrider']!, speeds);
      print(
        `  ${name.padEnd(26)} ${median(speeds).toFixed(2).padStart(7)} tokens/s, acceptance ${acceptance.toFixed(3)}, ` +
          `outrider is at ${ratio.toFixed(2)} of it`,
      );
    }
    const [mine, theirs] = ['outrider', 'node-llama-cpp'].map((name) => lastRuns.get(name)?.tokens?.join());
    if (temperature === 0) print(`  same greedy tokens as node-llama-cpp: ${mine === theirs ? 'yes' : 'no'}`);
  }
} finally {
  await server.close();
  await Promise.all([plain.dispose(), speculative.dispose()]);
  for (const model of models) model.dispose();
  rmSync(folder, { recursive: true });
}
