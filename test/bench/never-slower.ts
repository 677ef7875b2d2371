// Guarded speculation against plain decoding, cell by cell: target x draft x task x temperature; beside a fixed chain of 4.
// From a first token that came by itself before drafts to the last one; of other answers, from the prompt's end.
// npm run bench:never-slower [-- FILTER...], each a part of a cell's name, or several with | between them; --repetitions N,
// --max-tokens N, --json FILE
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { mean, median, sampleStandardDeviation } from 'simple-statistics';
import { EngineContender } from '../../src/bench/contender.js';
import { ChatTemplate } from '../../src/chat/chat-template.js';
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
    repetitions: { type: 'string', default: '5' },
    'max-tokens': { type: 'string', default: '128' },
    json: { type: 'string' },
  },
});
const repetitions = Number(values.repetitions);
/** Quantile of Student's t for a 95 % interval of a mean of so many values, minus one. */
const quantiles = [NaN, 12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];
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

/** Ratios to plain decoding of one cell. */
interface Cell {
  readonly name: string;
  readonly guarded: number;
  /** Half the width of its 95 % interval. */
  readonly error: number;
  readonly fixed: number;
  /** Of times to the first output token. */
  readonly firstToken: number;
  readonly states: string;
  /** Of each answer: guarded against plain decoding, and the rounds that drafted. */
  readonly answers: readonly { readonly ratio: number; readonly draftedRounds: number }[];
}

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

async function measureCell(
  name: string,
  sets: readonly Record<string, Engine>[],
  task: string,
  temperature: number,
) {
  const { prompts } = await readTask(join(demoTasks, `${task}.jsonl`));
  const speeds: Record<string, number[]> = {};
  const firsts: Record<string, number[]> = {};
  const states = new Set<string>();
  const draftedRounds: number[] = [];
  for (let repetition = -sets.length; repetition < repetitions; repetition++) {
    const contenders = sets[(repetition + sets.length) % sets.length]!;
    const prompt = prompts[(repetition + sets.length) % prompts.length]!;
    // Back and forth, so that none always follows the same other.
    const names = Object.keys(contenders);
    const order = repetition % 2 === 0 ? names : names.reverse();
    for (let turn = 0; turn < order.length; turn++) {
      const contender = order[(turn + repetition + sets.length) % order.length]!;
      const engine = contenders[contender]!;
      const { chatTemplate } = engine.target.info;
      const text = new ChatTemplate(chatTemplate, { bos: '', eos: '' }).render(prompt.messages);
      // The threads of the one before are at rest, and each starts with an empty cache.
      await setTimeout(settleMs);
      await engine.sequence.truncate(0);
      const { decodedTokens, decodeMs, firstTokenMs, guardState, rounds } = await new EngineContender(
        engine,
      ).answer({
        text,
        tokens: engine.target.tokenizer.encode(text, { parseSpecial: true }),
        maxTokens,
        sampling: { temperature },
        seed: repetition + sets.length,
        ignoreEos: true,
        plainAnswer: undefined,
      });
      if (repetition < 0) continue;
      (speeds[contender] ??= []).push(decodedTokens / decodeMs);
      (firsts[contender] ??= []).push(firstTokenMs);
      if (contender !== 'guarded') continue;
      states.add(guardState);
      draftedRounds.push(rounds.filter(({ numDraftTokens }) => numDraftTokens > 0).length);
    }
  }
  const ratios = (contender: string): number[] =>
    speeds[contender]!.map((speed, index) => speed / speeds['plain']![index]!);
  const logs = ratios('guarded').map(Math.log);
  const error =
    (quantiles[Math.min(repetitions, 11) - 1]! * sampleStandardDeviation(logs)) / Math.sqrt(repetitions);
  const cell: Cell = {
    name,
    guarded: Math.exp(mean(logs)),
    error,
    fixed: Math.exp(mean(ratios('fixed').map(Math.log))),
    firstToken: median(firsts['guarded']!.map((ms, index) => ms / firsts['plain']![index]!)),
    states: [...states].join(' '),
    answers: ratios('guarded').map((ratio, index) => ({ ratio, draftedRounds: draftedRounds[index]! })),
  };
  return cell;
}

try {
  print(
    `${machine()}; ${repetitions} answers of ${maxTokens} tokens a cell, interleaved; ratios to plain decoding`,
  );
  print('| target, draft, task, temperature | guarded (95 %) | chain of 4 | first token | guard |');
  print('| --- | --- | --- | --- | --- |');
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
      for (let set = 0; set < (setsOf[targetName] ?? 1); set++)
        sets.push(await engines(target, draftModel, set));
      for (const { name, task, temperature } of wanted) {
        const cell = await measureCell(name, sets, task, temperature);
        cells.push(cell);
        const [low, high] = [cell.guarded * Math.exp(-cell.error), cell.guarded * Math.exp(cell.error)];
        print(
          `| ${name} | ${cell.guarded.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)}) | ${cell.fixed.toFixed(2)} | ` +
            `${cell.firstToken.toFixed(2)} | ${cell.states} |`,
        );
      }
      for (const engine of sets.flatMap((set) => Object.values(set))) await engine.dispose();
      target.dispose();
      draftModel?.dispose();
    }
  }
  const geometric = (of: (cell: Cell) => number): string =>
    Math.exp(mean(cells.map((cell) => Math.log(of(cell))))).toFixed(3);
  const slower = cells.filter(({ guarded, error }) => guarded * Math.exp(error) < 0.97);
  print(
    `${cells.length} cells: geometric mean guarded ${geometric(({ guarded }) => guarded)}, chain of 4 ` +
      `${geometric(({ fixed }) => fixed)}; intervals wholly below 0.97: ${slower.length} ${slower.map(({ name }) => name).join('; ')}`,
  );
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(cells));
} finally {
  rmSync(folder, { recursive: true });
}
