import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { chosenPrompts } from '../../bench/prompt-choice.js';
import { encodePrompt, readPrompts } from '../../bench/prompt-file.js';
import { compareWithTheory, type TheoryReport } from '../../bench/theory/compare.js';
import { defaultMethods, parseMethod } from '../../bench/theory/method.js';
import { theorySvg } from '../../bench/theory/pictures.js';
import {
  siblingCaption,
  siblingRows,
  taskCaption,
  taskRows,
  theoryRows,
  theorySentences,
} from '../../bench/theory/table.js';
import { theoryPage } from '../../bench/theory/theory-page.js';
import type { SamplingParams } from '../../types.js';
import {
  contextOptionsOf,
  givenOptions,
  methodOptionNames,
  samplingOf,
  withEngineOptions,
  type EngineArguments,
} from '../engine-options.js';
import { demoTasks, loadModelsOf } from '../models.js';
import { countValue, UsageError } from '../option-values.js';
import { shareProgress } from '../progress.js';
import { writeReportFile } from '../report-file.js';
import { textTable } from '../../metrics/text-table.js';

interface TheoryArguments extends EngineArguments {
  prompts: string | undefined;
  method: readonly string[] | undefined;
  samples: number | undefined;
  limit: number | undefined;
  json: boolean;
  html: string | undefined;
  svg: string | undefined;
  verbose: boolean;
}

const [defaultTokens, defaultSamples, defaultLimit] = [96, 3, 8];

/** `outrider theory`: what was to be expected of every method, beside what was measured. */
export const theoryCommand: CommandModule<object, TheoryArguments> = {
  command: 'theory',
  describe: 'What was to be expected of every method, beside what was measured',
  builder: (parser) =>
    withEngineOptions(parser)
      .options({
        prompts: {
          type: 'string',
          requiresArg: true,
          describe:
            'Prompts, one a line: texts, or JSON with prompt, messages or turns, and perhaps the category of its task ' +
            '(default: demo stories)',
        },
        method: {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: `TREE+RULE; repeatable (default: ${defaultMethods.join(', ')})`,
        },
        samples: {
          type: 'string',
          requiresArg: true,
          coerce: countValue('samples'),
          describe: `Texts and runs of each prompt, default ${defaultSamples}`,
        },
        limit: {
          type: 'string',
          requiresArg: true,
          coerce: countValue('limit'),
          describe: `Prompts at most, as evenly over their categories as there are, default ${defaultLimit}`,
        },
        json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
        html: { type: 'string', requiresArg: true, describe: 'Write pictures and tables to this file' },
        svg: { type: 'string', requiresArg: true, describe: 'Write the pictures to this file' },
      })
      .example('$0 theory --target T.gguf --draft D.gguf --prompts prompts.jsonl', '') as never,
  handler: async (args) => {
    refuseOthers(args);
    const methods = (args.method ?? defaultMethods).map(parseMethod);
    const prompts = chosenPrompts(await readPrompts(promptFile(args)), args.limit ?? defaultLimit);
    const { target, draft } = await loadModelsOf(args);
    try {
      if (draft === undefined)
        throw new UsageError('Expected --draft D.gguf: theory is about a pair of models');
      const progress = shareProgress('Predicting and measuring');
      const report = await compareWithTheory({
        ...{ target, draft, methods, sampling: samplingFor(args), context: contextOptionsOf(args) },
        tasks: prompts.map(({ category }) => category),
        prompts: prompts.map((prompt) => encodePrompt(target, prompt)),
        maxTokens: args['max-tokens'] ?? defaultTokens,
        ignoreEos: args['ignore-eos'],
        samples: args.samples ?? defaultSamples,
        seed: args.seed ?? 0,
        onProgress: progress.show,
      }).finally(progress.end);
      await print(report, args);
    } finally {
      target.dispose();
      draft?.dispose();
    }
  },
};

/** Of the options that say how to draft and verify, those that make no difference: nothing decides over rounds here. */
const ofGuard: ReadonlySet<string> = new Set(['guard', 'measure-speedup']);

function refuseOthers(args: TheoryArguments): void {
  const named = givenOptions(args).find(
    (name) => name === 'stop' || (methodOptionNames.has(name) && !ofGuard.has(name)),
  );
  if (named !== undefined)
    throw new UsageError(`Expected --method TREE+RULE to say what is compared but received --${named}`);
}

function promptFile({ prompts }: TheoryArguments): string {
  const demo = join(demoTasks, 'stories.jsonl');
  if (prompts === undefined && !existsSync(demo))
    throw new UsageError('Expected --prompts FILE: this installation has no demo tasks');
  return prompts ?? demo;
}

/** Theory is about the model's own law where nothing else is asked for. */
function samplingFor(args: TheoryArguments): SamplingParams {
  return { ...samplingOf(args), temperature: args.temperature ?? 1 };
}

async function print(report: TheoryReport, args: TheoryArguments): Promise<void> {
  if (args.json) console.log(JSON.stringify(report));
  else {
    const captioned = (caption: string, rows: readonly string[][]): string[] =>
      rows.length === 0 ? [] : [caption, ...textTable(rows)];
    const lines = [
      ...theorySentences(report),
      ...textTable(theoryRows(report)),
      ...captioned(taskCaption, taskRows(report)),
      ...captioned(siblingCaption, siblingRows(report)),
    ];
    for (const line of lines) console.log(line);
  }
  if (args.svg !== undefined) writeReportFile(args.svg, `${await theorySvg(report)}\n`);
  if (args.html !== undefined) writeReportFile(args.html, await theoryPage(report));
}
