import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import type { GenerationResult } from '../../engine/decode-loop.js';
import type { Engine } from '../../engine/engine.js';
import { answer } from '../../eval/evaluate.js';
import { isCorrect, readTask, tasksIn, type EvalPrompt, type EvalTask } from '../../eval/task-file.js';
import { inflateModel } from '../../gguf/inflate.js';
import type { ContextOptions } from '../../model/context-options.js';
import { loadModels } from '../../model/load-model.js';
import { demoModel, demoTasks, openEngine } from '../models.js';
import { countValue, parameterCount } from '../option-values.js';
import { shareProgress } from '../progress.js';
import { textTable } from '../../metrics/text-table.js';

interface DemoArguments {
  parameters: number;
  threads: number | undefined;
  json: boolean;
}

/** One prompt, answered without and with speculation. */
interface Comparison {
  readonly task: string;
  readonly prompt: EvalPrompt;
  readonly plain: GenerationResult;
  readonly speculative: GenerationResult;
}

/** Longer than every answer of the demo tasks. */
const maxTokens = 400;
/** Of a prompt, what is shown. */
const shownCharacters = 100;

/** `outrider demo`: one prompt of each task, answered by plain and by speculative decoding, side by side. */
export const demoCommand: CommandModule<object, DemoArguments> = {
  command: 'demo',
  describe: 'Plain and speculative answers of the demo models, side by side',
  builder: (parser) =>
    parser.options({
      parameters: {
        type: 'string',
        requiresArg: true,
        default: '200M',
        coerce: parameterCount as never,
        describe: 'Cost of the target, which is tiny by itself: it is inflated to that size',
      },
      threads: {
        type: 'string',
        requiresArg: true,
        coerce: countValue('threads'),
        describe: 'CPU threads, default all cores',
      },
      json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
    }) as never,
  handler: async ({ parameters, threads, json }) => {
    const tasks = await firstPrompts();
    const folder = await mkdtemp(join(tmpdir(), 'outrider-demo-'));
    try {
      const path = join(folder, 'target.gguf');
      inflateDemoTarget(path, parameters);
      const comparisons = await compareAll(tasks, path, { threads }, (comparison) => {
        if (!json) for (const line of describe(comparison)) console.log(line);
      });
      if (json) console.log(JSON.stringify(reportOf(comparisons)));
      else for (const line of summaryOf(comparisons, parameters)) console.log(line);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

/** The first prompt of each task. */
async function firstPrompts(): Promise<EvalTask[]> {
  const tasks = await Promise.all((await tasksIn(demoTasks)).map(readTask));
  return tasks.map(({ name, prompts }) => ({ name, prompts: prompts.slice(0, 1) }));
}

function inflateDemoTarget(path: string, parameters: number): void {
  const progress = shareProgress('Inflating the target');
  try {
    inflateModel(demoModel('target'), path, {
      parameters,
      tensorType: 'f16',
      onProgress: progress.show,
    });
  } finally {
    progress.end();
  }
}

/** Answers every prompt with an engine that has a draft model and with one that has none. */
async function compareAll(
  tasks: readonly EvalTask[],
  targetPath: string,
  context: ContextOptions,
  onComparison: (comparison: Comparison) => void,
): Promise<Comparison[]> {
  const [target, draft] = await loadModels([targetPath, demoModel('draft')]);
  const engines: Engine[] = [];
  const comparisons: Comparison[] = [];
  try {
    engines.push(await openEngine({ target: target!, context }));
    engines.push(await openEngine({ target: target!, draft, context, measureSpeedup: false, guard: false }));
    for (const { name, prompts } of tasks) {
      const comparison = await compare(name, prompts[0]!, engines);
      comparisons.push(comparison);
      onComparison(comparison);
    }
  } finally {
    for (const engine of engines) await engine.dispose();
    target!.dispose();
    draft!.dispose();
  }
  return comparisons;
}

async function compare(task: string, prompt: EvalPrompt, engines: readonly Engine[]): Promise<Comparison> {
  const generate = { maxTokens, sampling: { temperature: 0 } };
  const [plain, speculative] = [
    await answer(engines[0]!, prompt, generate),
    await answer(engines[1]!, prompt, generate),
  ];
  return { task, prompt, plain, speculative };
}

function* describe({ task, prompt, plain, speculative }: Comparison): Generator<string> {
  const question = prompt.messages.at(-1)!.content;
  const shown =
    question.length <= shownCharacters ? question : `... ${question.slice(-shownCharacters).trimStart()}`;
  yield `${task}: ${shown.replaceAll('\n', ' / ')}`;
  const speed = (result: GenerationResult): string => `${result.stats.tokensPerSecond.toFixed(0)} tokens/s`;
  const indented = (text: string): string => text.replaceAll(/^/gm, '  ');
  yield `plain (${speed(plain)})`;
  yield indented(plain.text);
  const gain = ratio(speculative, plain).toFixed(2);
  const same = plain.text === speculative.text;
  yield `speculative (${speed(speculative)}, ${gain} times as fast)${same ? ': the same' : ''}`;
  if (!same) yield indented(speculative.text);
  yield '';
}

/** Speed of one answer over that of another, in tokens per second of decoding. */
const ratio = (one: GenerationResult, other: GenerationResult): number =>
  one.stats.tokensPerSecond / other.stats.tokensPerSecond;

/** Seconds of decoding, prefill aside. */
const secondsOf = (results: readonly GenerationResult[]): number =>
  results.reduce((sum, { stats }) => sum + stats.outputTokens / stats.tokensPerSecond, 0);

/** Speedup over all answers together. */
const speedupOf = (comparisons: readonly Comparison[]): number =>
  secondsOf(comparisons.map(({ plain }) => plain)) /
  secondsOf(comparisons.map(({ speculative }) => speculative));

function reportOf(comparisons: readonly Comparison[]): object {
  return {
    speedup: speedupOf(comparisons),
    tasks: comparisons.map(({ task, prompt, plain, speculative }) => ({
      task,
      isCorrect: isCorrect(prompt, speculative.text),
      sameText: plain.text === speculative.text,
      text: speculative.text,
      outputTokens: speculative.stats.outputTokens,
      acceptanceRate: speculative.stats.acceptanceRate,
      plainTokensPerSecond: plain.stats.tokensPerSecond,
      tokensPerSecond: speculative.stats.tokensPerSecond,
      speedup: ratio(speculative, plain),
    })),
  };
}

function summaryOf(comparisons: readonly Comparison[], parameters: number): string[] {
  const rows = comparisons.map(({ task, prompt, plain, speculative }) => [
    task,
    isCorrect(prompt, speculative.text) ? 'right' : 'wrong',
    String(speculative.stats.outputTokens),
    speculative.stats.acceptanceRate.toFixed(2),
    plain.stats.tokensPerSecond.toFixed(0),
    speculative.stats.tokensPerSecond.toFixed(0),
    ratio(speculative, plain).toFixed(2),
  ]);
  const same = comparisons.filter(({ plain, speculative }) => plain.text === speculative.text).length;
  return [
    ...textTable([
      ['task', 'answer', 'tokens', 'acceptance', 'plain tokens/s', 'speculative tokens/s', 'speedup'],
      ...rows,
    ]),
    `Together ${speedupOf(comparisons).toFixed(2)} times as fast; ${same} of ${comparisons.length} answers the same, token for token.`,
    `The target says what models/demo/target.gguf says, at the cost of a model of ${(parameters / 1e6).toFixed(0)} M parameters.`,
  ];
}
