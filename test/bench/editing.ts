// Editing files, where the answer repeats most of the prompt: drafters without weights against plain decoding, greedy.
// npm run bench:editing [-- MODEL.gguf] [--lines N] [--prompts N] [--repetitions N] [--copy]; without a model the demo target
// inflated to 300M parameters in F16. With --copy the answer is given up to the line that was inserted: what is left is copied.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { converse, PromptWriter } from '../../src/bench/conversation.js';
import { EngineContender, type TurnAnswer } from '../../src/bench/contender.js';
import type { BenchPrompt } from '../../src/bench/workload.js';
import type { Model } from '../../src/model/model.js';
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
    copy: { type: 'boolean', default: false },
  },
});
const contextSize = 1024;
/** Lines that are left to copy at least. */
const minCopied = 4;
const print = (line: string): void => void process.stdout.write(`${line}\n`);
/** Words of the files that the demo models were trained on. */
const variables =
  'total count price size width height speed score limit index value offset weight amount'.split(' ');
const functions = 'add scale clamp merge check update reset apply'.split(' ');

/** A line to insert into a file of so many lines; behind the second one where what follows is to be copied. */
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
  const question = `Insert ${pick(used)} = ${number()} after this line: ${values.copy ? body[0]! : pick(body)}\n${text}`;
  return { id: text, category: 'edits', before: [], questions: [question], check: undefined };
}

/** Tokens of an answer up to the end of the line that was inserted; undefined where the end of the file does not follow. */
function givenOf(
  answer: TurnAnswer,
  { id: file, questions }: BenchPrompt,
  model: Model,
): number[] | undefined {
  const inserted = /^Insert (.*) after this line/.exec(questions[0]!)![1]!;
  const end = answer.text.indexOf('\n', answer.text.indexOf(inserted));
  const rest = answer.text.slice(end).trim();
  if (end === -1 || rest.split('\n').length < minCopied || !file.endsWith(rest)) return undefined;
  const tokens = [...answer.tokens!];
  const count = tokens.findIndex((_, index) => model.tokenizer.decode(tokens.slice(0, index)).length >= end);
  return tokens.slice(0, count);
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
    let given: number[] | undefined = [];
    const answerOf = async (engine: Engine): Promise<TurnAnswer> => {
      const contender = new EngineContender(engine);
      if (!values.copy) return (await converse(contender, prompt, { writer, settings })).answers[0]!;
      await contender.forget();
      const message = { role: 'user', content: prompt.questions[0]! } as const;
      const { text, tokens: asked } = writer.write([message], settings.maxTokens);
      const request = {
        ...settings,
        text,
        tokens: Int32Array.of(...asked, ...given!),
        plainAnswer: undefined,
      };
      return contender.answer(request);
    };
    if (values.copy) given = givenOf(await answerOf(engines['plain']!), prompt, target);
    if (given === undefined) {
      process.stderr.write(`${index + 1} of ${prompts.length}: not copied right\n`);
      continue;
    }
    const ask = (engine: Engine) => async (): Promise<number> => {
      const answer = await answerOf(engine);
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
  const numFiles = new Set(pairs['plain']!.map(({ cluster }) => cluster)).size;
  print(
    `${machine()}; ${path}; ${values.copy ? 'copying' : 'editing'} ${values.lines} lines, ${numFiles} files, ${values.repetitions} answers each`,
  );
  for (const name of Object.keys(engines).slice(1))
    print(`${name}: ${ratioInWords(pairs[name]!)} times plain decoding`);
  for (const engine of Object.values(engines)) await engine.dispose();
  target.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
