// Guarded speculation against plain decoding, cell by cell: target x draft x task x temperature; beside a fixed chain of 4.
// From a first token that came by itself before drafts to the last one; of other answers, from the prompt's end.
// npm run bench:never-slower [-- FILTER...], each a part of a cell's name, or several with | between them; --repetitions N of
// all three, doubled without the chain, up to --max-repetitions N, where it could be slower; --max-tokens N; --sets N
// of engines; --json FILE
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import quantileT from '@stdlib/stats-base-dists-t-quantile';
import { mean, median, sampleStandardDeviation } from 'simple-statistics';
import { EngineContender } from '../../src/bench/contender.js';
import { ChatTemplate } from '../../src/chat/chat-template.js';
import type { Message } from '../../src/chat/history.js';
import { demoModel, demoTasks } from '../../src/cli/models.js';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { readTask } from '../../src/eval/task-file.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { rewriteGguf } from '../fixtures/gguf-rewrite.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { inflateTarget } from './inflated-target.js';
import { machine, settleMs } from './measure.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repetitions: { type: 'string', default: '6' },
    'max-repetitions': { type: 'string', default: '24' },
    'max-tokens': { type: 'string', default: '128' },
    sets: { type: 'string' },
    json: { type: 'string' },
  },
});
const repetitions = Number(values.repetitions);
const maxRepetitions = Number(values['max-repetitions']);
/** Of plain decoding's speed: a cell whose interval lies below is slower. */
const slowest = 0.97;
const maxTokens = Number(values['max-tokens']);
const folder = mkdtempSync(join(tmpdir(), 'outrider-never-'));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const inflated =
  (name: string, parameters: number, tensorType: 'q8_0' | 'q4_0') => async (): Promise<string> => {
    const path = join(folder, `${name}.gguf`);
    await inflateTarget(path, { parameters, tensorType });
    return path;
  };
const targets: Readonly<Record<string, () => string | Promise<string>>> = {
  'demo dense': () => demoModel('target'),
  'demo experts': () => demoModel('experts'),
  '300M': inflated('300M', 3e8, 'q8_0'),
  '1B': inflated('1B', 1e9, 'q4_0'),
};
/** Engines made several times, for where their memory lies makes as much of a difference to small models as what they do. */
const setsOf: Readonly<Record<string, number>> = { 'demo dense': 3, 'demo experts': 3 };
/** By name, what drafts beside the target at this path. */
const drafts: Readonly<Record<string, (target: string) => string | undefined>> = {
  good: () => demoModel('draft'),
  costly: (target) => target,
  useless: () => noisyDraft(),
  none: () => undefined,
};
const tasks = ['stories', 'edits', 'retrieval-1k', 'chats'];
const temperatures = [0, 1];

/** The demo draft, each matrix half noise. */
function noisyDraft(): string {
  const path = join(folder, 'noise.gguf');
  const random = new SeededRandom(1, 'noise');
  rewriteGguf(demoModel('draft'), path, {
    editValues: ({ shape }, matrix) => {
      if (shape.length < 2) return false;
      const deviation = Math.sqrt(matrix.reduce((sum, value) => sum + value * value, 0) / matrix.length);
      for (let index = 0; index < matrix.length; index++) matrix[index]! += deviation * random.normal();
      return true;
    },
  });
  return path;
}

/** One contender's answer. */
interface Answer {
  /** Tokens per millisecond. */
  readonly speed: number;
  readonly firstTokenMs: number;
  readonly guardState: string;
  readonly draftedRounds: number;
}

/** Ratios to plain decoding of one cell. */
interface Cell {
  readonly name: string;
  readonly guarded: number;
  /** Half the width of its 95 % interval, of the logarithm. */
  readonly error: number;
  readonly fixed: number;
  /** Of times to the first output token. */
  readonly firstToken: number;
  readonly states: string;
  /** Of each answer: guarded against plain decoding, and the rounds that drafted. */
  readonly answers: readonly { readonly ratio: number; readonly draftedRounds: number }[];
}

/** Ends of a cell's 95 % interval. */
const lowOf = ({ guarded, error }: Cell): number => guarded * Math.exp(-error);
const highOf = ({ guarded, error }: Cell): number => guarded * Math.exp(error);

/** Engines, of which one as far down the list as `first` is made first: memory that is asked for early lies better. */
async function engines(
  target: Model,
  draft: Model | undefined,
  first: number,
): Promise<Record<string, Engine>> {
  const context = { contextSize: 2048 };
  const drafter: EngineOptions['drafter'] = draft === undefined ? ['suffix'] : 'auto';
  const shared = { target, draft, context, keepAcceptance: false };
  const options: readonly (readonly [name: string, options: EngineOptions])[] = [
    ['plain', { ...shared, drafter: 'none', guard: false }],
    ['guarded', { ...shared, drafter }],
    ['fixed', { ...shared, drafter, tree: 'chain:4', guard: false, measureSpeedup: false }],
  ];
  const made: Record<string, Engine> = {};
  for (const index of options.keys()) {
    const [name, wanted] = options[(index + first) % options.length]!;
    made[name] = await createEngine(wanted);
  }
  return made;
}

async function answerOf(
  engine: Engine,
  messages: readonly Message[],
  temperature: number,
  seed: number,
): Promise<Answer> {
  const { chatTemplate } = engine.target.info;
  const text = new ChatTemplate(chatTemplate, { bos: '', eos: '' }).render(messages);
  // The threads of the one before are at rest, and each starts with an empty cache.
  await setTimeout(settleMs);
  await engine.sequence.truncate(0);
  const answer = await new EngineContender(engine).answer({
    text,
    tokens: engine.target.tokenizer.encode(text, { parseSpecial: true }),
    maxTokens,
    sampling: { temperature },
    seed,
    ignoreEos: true,
    plainAnswer: undefined,
  });
  return {
    speed: answer.decodedTokens / answer.decodeMs,
    firstTokenMs: answer.firstTokenMs,
    guardState: answer.guardState,
    draftedRounds: answer.rounds.filter(({ numDraftTokens }) => numDraftTokens > 0).length,
  };
}

async function measureCell(
  name: string,
  sets: readonly Record<string, Engine>[],
  task: string,
  temperature: number,
): Promise<Cell> {
  const { prompts } = await readTask(join(demoTasks, `${task}.jsonl`));
  const answers: Record<string, Answer[]> = {};
  let cell: Cell | undefined;
  // One of each engine to warm up.
  let wanted = sets.length + repetitions;
  for (let turn = 0; turn < wanted; turn++) {
    const contenders = sets[turn % sets.length]!;
    const names = turn < sets.length + repetitions ? ['plain', 'guarded', 'fixed'] : ['plain', 'guarded'];
    // Each first as often as the others, and back and forth, so that none always follows the same other.
    if (Math.floor(turn / names.length) % 2 === 1) names.reverse();
    for (let place = 0; place < names.length; place++) {
      const contender = names[(place + turn) % names.length]!;
      const { messages } = prompts[turn % prompts.length]!;
      const answer = await answerOf(contenders[contender]!, messages, temperature, turn);
      if (turn >= sets.length) (answers[contender] ??= []).push(answer);
    }
    const measured = turn + 1 - sets.length;
    if (turn + 1 < wanted) continue;
    cell = summary(name, answers);
    if (lowOf(cell) < slowest) wanted += Math.min(measured, maxRepetitions - measured);
  }
  return cell!;
}

function summary(name: string, answers: Readonly<Record<string, readonly Answer[]>>): Cell {
  const ratios = (contender: string, of: (answer: Answer) => number): number[] =>
    answers[contender]!.map((answer, index) => of(answer) / of(answers['plain']![index]!));
  const guarded = answers['guarded']!;
  const speeds = ratios('guarded', ({ speed }) => speed);
  const logs = speeds.map(Math.log);
  return {
    name,
    guarded: Math.exp(mean(logs)),
    error: (quantileT(0.975, logs.length - 1) * sampleStandardDeviation(logs)) / Math.sqrt(logs.length),
    fixed: Math.exp(mean(ratios('fixed', ({ speed }) => speed).map(Math.log))),
    firstToken: median(ratios('guarded', ({ firstTokenMs }) => firstTokenMs)),
    states: [...new Set(guarded.map(({ guardState }) => guardState))].join(' '),
    answers: speeds.map((ratio, index) => ({ ratio, draftedRounds: guarded[index]!.draftedRounds })),
  };
}

try {
  print(
    `${machine()}; ${repetitions} to ${maxRepetitions} answers of ${maxTokens} tokens a cell, interleaved; ratios to plain decoding`,
  );
  print('| target, draft, task, temperature | guarded (95 %) | answers | chain of 4 | first token | guard |');
  print('| --- | --- | --- | --- | --- | --- |');
  const cells: Cell[] = [];
  for (const [targetName, targetPath] of Object.entries(targets)) {
    for (const [draftName, draftPath] of Object.entries(drafts)) {
      const names = tasks.flatMap((task) =>
        temperatures.map((temperature) => ({
          task,
          temperature,
          name: `${targetName}, ${draftName}, ${task}, ${temperature}`,
        })),
      );
      const wanted = names.filter(({ name }) =>
        positionals.every((word) => word.split('|').some((part) => name.includes(part))),
      );
      if (wanted.length === 0) continue;
      const path = await targetPath();
      const target = await loadModel(path);
      const draft = draftPath(path);
      const draftModel = draft === undefined ? undefined : await loadModel(draft);
      const sets: Record<string, Engine>[] = [];
      for (let set = 0; set < Number(values.sets ?? setsOf[targetName] ?? 1); set++)
        sets.push(await engines(target, draftModel, set));
      for (const { name, task, temperature } of wanted) {
        const cell = await measureCell(name, sets, task, temperature);
        cells.push(cell);
        print(
          `| ${name} | ${cell.guarded.toFixed(2)} (${lowOf(cell).toFixed(2)}-${highOf(cell).toFixed(2)}) | ` +
            `${cell.answers.length} | ${cell.fixed.toFixed(2)} | ${cell.firstToken.toFixed(2)} | ${cell.states} |`,
        );
        if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(cells));
      }
      for (const engine of sets.flatMap((set) => Object.values(set))) await engine.dispose();
      target.dispose();
      draftModel?.dispose();
    }
  }
  const geometric = (of: (cell: Cell) => number): string =>
    Math.exp(mean(cells.map((cell) => Math.log(of(cell))))).toFixed(3);
  const slower = cells.filter((cell) => highOf(cell) < slowest);
  print(
    `${cells.length} cells: geometric mean guarded ${geometric(({ guarded }) => guarded)}, chain of 4 ` +
      `${geometric(({ fixed }) => fixed)}; intervals wholly below ${slowest}: ${slower.length} ${slower.map(({ name }) => name).join('; ')}`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
