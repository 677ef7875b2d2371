// Editing files, where the answer repeats most of the prompt: drafters without weights against plain decoding, greedy.
// npm run bench:editing [-- MODEL.gguf] [--lines N] [--prompts N] [--repetitions N]; without a model the demo target inflated
// to 300M parameters in F16
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { converse, PromptWriter } from '../../src/bench/conversation.js';
import { EngineContender } from '../../src/bench/contender.js';
import type { BenchPrompt } from '../../src/bench/workload.js';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import { loadModel } from '../../src/model/load-model.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { inflateTarget } from './inflated-target.js';
import { interleave, machine, ratioInWords } from './measure.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lines: { type: 'string', default: '9' },
    prompts: { type: 'string', default: '8' },
    repetitions: { type: 'string', default: '3' },
  },
});
const contextSize = 1024;
const print = (line: string): void => void process.stdout.write(`${line}\n`);
/** Words of the files that the demo models were trained on. */
const variables =
  'total count price size width height speed score limit index value offset weight amount'.split(' ');
const functions = 'add scale clamp merge check update reset apply'.split(' ');

/** A line to insert into a file of so many lines. */
function edit(random: SeededRandom, numLines: number): BenchPrompt {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.uniform() * from.length)]!;
  const number = (): number => 1 + Math.floor(99 * random.uniform());
  const used: string[] = [];
  while (used.length < 6) {
    const name = pick(variables);
    if (!used.includes(name)) used.push(name);
  }
  const kinds = [
    () => `${pick(used)} = ${pick(used)} + ${number()}`,
    () => `${pick(used)} = ${pick(used)} * ${pick(used)}`,
    () => `print(${pick(used)})`,
    () => `if ${pick(used)} > ${number()}: ${pick(used)} = ${number() % 10}`,
  ];
  const body: string[] = [];
  while (body.length < numLines - 2) {
    const line = pick(kinds)();
    if (!body.includes(line)) body.push(line);
  }
  const file = [`def ${pick(functions)}(${used[0]}, ${used[1]}):`, ...body.map((line) => `  ${line}`)];
  const text = [...file, `  return ${pick(used)}`].join('\n');
  const question = `Insert ${pick(used)} = ${number()} after this line: ${pick(body)}\n${text}`;
  return { id: text, category: 'edits', before: [], questions: [question], check: undefined };
}

const folder = mkdtempSync(join(tmpdir(), 'outrider-editing-'));
try {
  let [path] = positionals;
  if (path === undefined) {
    path = join(folder, 'target.gguf');
    await inflateTarget(path, { parameters: 3e8, tensorType: 'f16' });
  }
  const target = await loadModel(path);
  const shared = { target, context: { contextSize }, keepAcceptance: false };
  const engines: Record<string, Engine> = {
    plain: await createEngine({ ...shared, drafter: 'none', guard: false }),
    'suffix, guarded': await createEngine({ ...shared, drafter: 'suffix' }),
    'prompt lookup, guarded': await createEngine({ ...shared, drafter: 'prompt-lookup' }),
    'suffix, always 8': await createEngine({ ...shared, drafter: 'suffix', tree: 'chain:8', guard: false }),
  };
  const random = new SeededRandom(7, 'files');
  const prompts = Array.from({ length: Number(values.prompts) }, () => edit(random, Number(values.lines)));
  const writer = new PromptWriter(target, contextSize);
  const settings = { maxTokens: 192, sampling: { temperature: 0 }, ignoreEos: false, seed: 0 };
  const pairs: Record<string, { cluster: string; plain: number; method: number }[]> = {};
  for (const [index, prompt] of prompts.entries()) {
    const said = new Set<string>();
    let tokens = 0;
    const ask = (engine: Engine) => async (): Promise<number> => {
      const { answers } = await converse(new EngineContender(engine), prompt, { writer, settings });
      const answer = answers[0]!;
      said.add(answer.text);
      tokens = answer.outputTokens;
      return (1000 * answer.decodedTokens) / answer.decodeMs;
    };
    const contenders = Object.fromEntries(
      Object.entries(engines).map(([name, engine]) => [name, ask(engine)]),
    );
    const figures = await interleave(contenders, Number(values.repetitions), index === 0 ? 1 : 0);
    for (const name of Object.keys(engines)) {
      const rows = figures[name]!.map((method, at) => ({
        cluster: `${index}`,
        plain: figures['plain']![at]!,
        method,
      }));
      (pairs[name] ??= []).push(...rows);
    }
    if (said.size > 1) throw new Error(`Not the same answer from all to: ${prompt.id}`);
    process.stderr.write(`${index + 1} of ${prompts.length}: ${tokens} tokens\n`);
  }
  print(
    `${machine()}; ${path}; ${values.lines} lines, ${prompts.length} files, ${values.repetitions} answers each`,
  );
  for (const name of Object.keys(engines).slice(1))
    print(`${name}: ${ratioInWords(pairs[name]!)} times plain decoding`);
  for (const engine of Object.values(engines)) await engine.dispose();
  target.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
