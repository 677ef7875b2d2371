import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { CommandModule } from 'yargs';
import type { Engine } from '../../engine/engine.js';
import { evaluate, type Answer, type TaskScore } from '../../eval/evaluate.js';
import { readTask, tasksIn, type EvalTask } from '../../eval/task-file.js';
import { engineOptionsOf, samplingOf, withEngineOptions, type EngineArguments } from '../engine-options.js';
import { demoTasks, loadModelsOf, openEngine } from '../models.js';
import { countValue, UsageError } from '../option-values.js';
import { shareProgress } from '../progress.js';
import { textTable } from '../../metrics/text-table.js';

interface EvalArguments extends EngineArguments {
  tasks: readonly string[];
  limit: number | undefined;
  'show-wrong': boolean;
  json: boolean;
  verbose: boolean;
}

/** Longer than every answer of the demo tasks. */
const defaultMaxTokens = 400;

/** `outrider eval [tasks..]`: accuracy per task, for a model or a method. */
export const evalCommand: CommandModule<object, EvalArguments> = {
  command: 'eval [tasks..]',
  describe: 'Accuracy per task, for a model or a method',
  builder: (parser) =>
    withEngineOptions(parser)
      // What is measured is the method as it is asked for, not what the guard makes of it.
      .default('guard', 'off')
      .positional('tasks', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'Task files (JSON lines) or folders of them (default: the tasks of the demo models)',
      })
      .options({
        limit: {
          type: 'string',
          requiresArg: true,
          coerce: countValue('limit'),
          describe: 'Prompts of each task at most',
        },
        'show-wrong': { type: 'boolean', default: false, describe: 'Print wrong answers on stderr' },
        json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
      }) as never,
  handler: async (args) => {
    const engineOptions = engineOptionsOf(args);
    const tasks = (await readTasks(args.tasks)).map(({ name, prompts }) => ({
      name,
      prompts: prompts.slice(0, args.limit),
    }));
    const { target, draft, middle } = await loadModelsOf(args);
    const engine = await openEngine({ ...engineOptions, target, draft, middle });
    try {
      const scores = await evaluateAll(engine, tasks, args);
      if (args.json)
        console.log(JSON.stringify({ target: target.path, draft: draft?.path ?? null, tasks: scores }));
      else for (const line of tableOf(scores)) console.log(line);
    } finally {
      await engine.dispose();
      target.dispose();
      draft?.dispose();
      middle?.dispose();
    }
  },
};

async function readTasks(paths: readonly string[]): Promise<EvalTask[]> {
  if (paths.length === 0 && !existsSync(demoTasks)) {
    throw new UsageError('Expected task files: this installation has no demo tasks');
  }
  const files: string[] = [];
  for (const path of paths.length > 0 ? paths : [demoTasks]) {
    if (!(await stat(path)).isDirectory()) files.push(path);
    else {
      const found = await tasksIn(path);
      if (found.length === 0) throw new UsageError(`Expected .jsonl files in ${path} but received none`);
      files.push(...found);
    }
  }
  return Promise.all(files.map(readTask));
}

async function evaluateAll(
  engine: Engine,
  tasks: readonly EvalTask[],
  args: EvalArguments,
): Promise<TaskScore[]> {
  const numPrompts = tasks.reduce((sum, { prompts }) => sum + prompts.length, 0);
  const progress = shareProgress('Evaluating');
  let numAnswers = 0;
  const onAnswer = (answer: Answer): void => {
    progress.show(++numAnswers / numPrompts);
    if (args['show-wrong'] && !answer.isCorrect) console.error(wrongAnswer(answer));
  };
  const generate = {
    maxTokens: args['max-tokens'] ?? defaultMaxTokens,
    sampling: { ...samplingOf(args), temperature: args.temperature ?? 0 },
    seed: args.seed,
    stop: args.stop,
  };
  const scores: TaskScore[] = [];
  try {
    for (const task of tasks) scores.push(await evaluate(engine, task, { generate, onAnswer }));
  } finally {
    progress.end();
  }
  return scores;
}

function wrongAnswer({ task, prompt, text }: Answer): string {
  const wanted = prompt.check === 'exact' ? prompt.answer : prompt.wanted.join(', ');
  return `${task}: ${JSON.stringify(prompt.messages.at(-1)!.content.slice(-80))}\n  wanted ${JSON.stringify(wanted)}\n  got    ${JSON.stringify(text)}`;
}

/** Of a thinned target with the dense one. */
const agreement = ['same likeliest', 'total variation'];

/** Share of the tokens that the draft model wrote; null where nothing was written. */
function draftShare({ stitch }: TaskScore): number | null {
  if (stitch === undefined) return null;
  const total = stitch.draftTokens + stitch.targetTokens;
  return total === 0 ? null : stitch.draftTokens / total;
}

function tableOf(scores: readonly TaskScore[]): string[] {
  const shown = (value: number | null, digits: number): string => value?.toFixed(digits) ?? '-';
  const isThinned = scores.some(({ sparse }) => sparse !== undefined);
  const isStitched = scores.some(({ stitch }) => stitch !== undefined);
  const rows = [
    [
      'task',
      'right',
      'of',
      'accuracy',
      'acceptance',
      'tokens a round',
      'tokens/s',
      ...(isThinned ? agreement : []),
      ...(isStitched ? ['by the draft model', 'switches'] : []),
    ],
    ...scores.map((score) => [
      score.task,
      String(score.numCorrect),
      String(score.numPrompts),
      score.accuracy.toFixed(3),
      shown(score.acceptanceRate, 3),
      shown(score.meanAcceptanceLength, 2),
      score.tokensPerSecond.toFixed(1),
      ...(isThinned
        ? [shown(score.sparse?.topAgreement ?? null, 3), shown(score.sparse?.totalVariation ?? null, 3)]
        : []),
      ...(isStitched ? [shown(draftShare(score), 3), String(score.stitch?.switches ?? '-')] : []),
    ]),
  ];
  const lines = textTable(rows);
  return scores.every(({ lossless }) => lossless)
    ? lines
    : [...lines, 'lossy: not the distribution of the target'];
}
