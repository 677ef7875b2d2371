import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { deviceDescription, disturbances } from '../../bench/machine.js';
import { ResultsFile } from '../../bench/results-file.js';
import type { Method } from '../../bench/method.js';
import { runBench, type BenchOutcome } from '../../bench/run-bench.js';
import { settingsOf, type DescribedRun } from '../../bench/run-settings.js';
import type { BenchResults } from '../../bench/sample.js';
import type { TrialPlan } from '../../bench/trial.js';
import { BenchError } from '../../errors.js';
import { buildDescription } from '../../model/build-info.js';
import { cacheFolder } from '../../model/cache-folder.js';
import {
  crossTrials,
  defaultMethods,
  defaultWorkloads,
  openWorkload,
  workloadHelp,
  type PlannedTrial,
} from '../bench-plan.js';
import { methodHelp, methodsOf } from '../bench-methods.js';
import { openPair, type BenchPair } from '../bench-pair.js';
import { writeReports } from '../bench-reports.js';
import {
  contextOptionsOf,
  gpuLayersOf,
  samplingOf,
  withEngineOptions,
  type EngineArguments,
} from '../engine-options.js';
import { countValue, numberList, parameterCount, UsageError } from '../option-values.js';
import { pairProgress, sumWithProgress } from '../progress.js';

/** What was measured, and the file that it is in. */
interface MeasuredRun extends BenchOutcome {
  readonly samples: string;
}

/** Options of the command. */
export interface BenchArguments extends EngineArguments {
  words: readonly string[];
  workload: readonly string[] | undefined;
  method: readonly string[] | undefined;
  temperatures: readonly number[] | undefined;
  nodes: readonly number[] | undefined;
  repetitions: number;
  prompts: number | undefined;
  parameters: number | undefined;
  'llama-server': string | undefined;
  'llama-speculative-simple': string | undefined;
  json: boolean;
  markdown: boolean;
  jsonl: string | undefined;
  html: string | undefined;
  resume: string | undefined;
  verbose: boolean;
}

const defaultPrompts = 2;
const defaultMaxTokens = 64;

/** `outrider bench [words..]`: what speculation buys here. */
export const benchCommand: CommandModule<object, BenchArguments> = {
  command: 'bench [words..]',
  describe: 'What speculation buys here: workloads x methods, interleaved with plain decoding',
  builder: (parser) => withBenchOptions(withEngineOptions(parser)) as never,
  handler: async (args) => {
    const interruption = new AbortController();
    const interrupt = (): void => interruption.abort(new Error('Interrupted'));
    process.on('SIGINT', interrupt);
    let pair: BenchPair | undefined;
    try {
      const trials = await plannedTrials(args);
      pair = await openPair(args, trials.workloads, trials.middles);
      const outcome = await measure(args, trials.planned, { pair, signal: interruption.signal });
      try {
        await writeReports(outcome.results, { ...args, samples: outcome.samples });
      } catch (error) {
        // Why the run ended matters more than that its page could not be written.
        if (isWhole(outcome)) throw error;
        console.error((error as Error).message);
      }
      tellEnd(outcome);
    } finally {
      process.off('SIGINT', interrupt);
      await pair?.close();
    }
  },
};

function withBenchOptions<T>(parser: Argv<T>) {
  const text = { type: 'string', requiresArg: true } as const;
  return parser
    .positional('words', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'Run the trials whose names have all of these',
    })
    .options({
      workload: { ...text, array: true, describe: workloadHelp },
      method: { ...text, array: true, describe: methodHelp },
      temperatures: { ...text, coerce: numberList('temperatures'), describe: 'Such as 0,1, the default' },
      nodes: {
        ...text,
        coerce: numberList('nodes'),
        describe: 'Draft tokens of a round, such as 4,8,16; default as the method says',
      },
      repetitions: {
        ...text,
        default: '5',
        coerce: countValue('repetitions') as never,
        describe: 'Interleaved answers to each prompt',
      },
      prompts: {
        ...text,
        coerce: countValue('prompts'),
        describe:
          'Prompts of each workload at most, over all its categories; 2 of the demo tasks, all of a file',
      },
      parameters: {
        ...text,
        coerce: parameterCount,
        describe: 'Cost of the demo target, which is tiny by itself; default 200M',
      },
      'llama-server': { ...text, describe: 'Path of that peer' },
      'llama-speculative-simple': { ...text, describe: 'Path of that peer' },
      json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
      markdown: { type: 'boolean', default: false, describe: 'Print Markdown' },
      jsonl: { ...text, describe: 'Where every sample goes; default in the user’s cache folder' },
      html: { ...text, describe: 'Where the report with pictures goes; default beside the samples' },
      resume: { ...text, describe: 'A file of samples: go on where it ends' },
    });
}

async function plannedTrials(args: BenchArguments) {
  refuseUnheeded(args);
  const workloads = args.workload ?? defaultWorkloads;
  const binaries = {
    'llama-server': args['llama-server'],
    'llama-server-plain': args['llama-server'],
    'llama-speculative-simple': args['llama-speculative-simple'],
  };
  const hasDraft = args.draft !== undefined || args.target === undefined;
  const opened = await Promise.all(
    workloads.map(async (name) => ({
      workload: await openWorkload(
        name,
        args.prompts ?? (name.endsWith('.jsonl') ? undefined : defaultPrompts),
      ),
      methods: methodsOf(args, defaultMethods(name, hasDraft), binaries),
    })),
  );
  const temperatures = args.temperatures ?? (args.temperature === undefined ? [0, 1] : [args.temperature]);
  const planned = crossTrials(opened, temperatures, { nodes: args.nodes ?? [], words: args.words });
  const middles = planned.flatMap(({ method }) => middleOf(method) ?? []);
  return { workloads, planned, middles };
}

const middleOf = (method: Method): string | undefined =>
  method.kind === 'engine' ? method.middle : undefined;

/** Refuses an option where another one takes its place. */
function refuseUnheeded(args: BenchArguments): void {
  for (const [option, winner] of [
    ['temperature', 'temperatures'],
    ['jsonl', 'resume'],
    ['parameters', 'target'],
  ] as const) {
    if (args[option] !== undefined && args[winner] !== undefined)
      throw new UsageError(`Expected --${option} or --${winner} but received both`);
  }
  if (args.json && args.markdown) throw new UsageError('Expected --json or --markdown but received both');
  for (const peer of ['llama-server', 'llama-speculative-simple'] as const) {
    const isAsked = args.method?.some((method) => method.startsWith(peer)) ?? false;
    if (args[peer] !== undefined && !isAsked)
      throw new UsageError(`Expected --method ${peer} beside --${peer}: no method uses that program`);
  }
}

interface MeasureParts {
  readonly pair: BenchPair;
  readonly signal: AbortSignal;
}

async function measure(
  args: BenchArguments,
  planned: readonly PlannedTrial[],
  { pair, signal }: MeasureParts,
): Promise<MeasuredRun> {
  const plans = planned.map((one) => planOf(args, one, pair));
  const run = await headOf(args, plans, pair);
  const { file, before, samples } = openResults(args, run);
  const progress = pairProgress();
  try {
    return { samples, ...(await runBench({ run, plans, file, before, signal, onProgress: progress.show })) };
  } finally {
    progress.end();
    file.close();
  }
}

/** The file that samples go to, and what is in it already. */
function openResults(
  { resume, jsonl }: BenchArguments,
  run: DescribedRun,
): { readonly samples: string; readonly file: ResultsFile; readonly before?: BenchResults } {
  if (resume !== undefined) {
    const { file, results } = ResultsFile.resume(resume, run);
    console.error(`Going on with ${resume}: ${results.samples.length / 2} pairs are there.`);
    return { samples: resume, file, before: results };
  }
  const samples = jsonl ?? join(cacheFolder(), 'bench', `${run.startedAt.replaceAll(/[:.]/g, '-')}.jsonl`);
  return { samples, file: ResultsFile.create(samples, run) };
}

function planOf(
  args: BenchArguments,
  { trial, method, workload }: PlannedTrial,
  pair: BenchPair,
): Omit<TrialPlan, 'done' | 'startedAt'> {
  const middle = middleOf(method);
  // Each trial has its own temperature.
  const sampling = { ...samplingOf(args), temperature: undefined };
  return {
    ...{ trial, method, prompts: workload.prompts, sampling },
    ...{ targetPath: pair.targetPath, draftPath: pair.draftPath },
    middlePath: middle === undefined ? undefined : pair.middlePaths.get(middle),
    ...{ gpu: args.gpu, gpuLayers: gpuLayersOf(args), context: contextOptionsOf(args) },
    repetitions: args.repetitions,
    maxTokens: args['max-tokens'] ?? defaultMaxTokens,
    seed: args.seed ?? 0,
    ignoreEos: args['ignore-eos'],
  };
}

async function headOf(
  args: BenchArguments,
  plans: readonly Omit<TrialPlan, 'done' | 'startedAt'>[],
  pair: BenchPair,
): Promise<DescribedRun> {
  const fact = async (path: string, description: string) => ({
    path,
    sha256: await sumWithProgress(path),
    description,
  });
  const settings: Record<string, string> = { ...settingsOf(plans) };
  for (const [reference, path] of pair.middlePaths)
    settings[`middle model ${reference}`] = await sumWithProgress(path);
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    kind: 'run',
    version: 1,
    startedAt: new Date().toISOString(),
    outrider: version,
    build: buildDescription(),
    device: deviceDescription(),
    notes: disturbances(),
    target: await fact(pair.targetPath, pair.targetDescription),
    draft: pair.draftPath === undefined ? null : await fact(pair.draftPath, pair.draftDescription),
    repetitions: args.repetitions,
    maxTokens: plans[0]!.maxTokens,
    seed: args.seed ?? 0,
    trials: plans.map(({ trial }) => trial),
    settings,
  };
}

const isWhole = ({ results, stoppedBy }: MeasuredRun): boolean =>
  stoppedBy === undefined && results.failures.length === 0;

/** A run that was ended before its time is a failure, whatever it brought. */
function tellEnd(outcome: MeasuredRun): void {
  if (isWhole(outcome)) return;
  const { results, stoppedBy, samples } = outcome;
  if (stoppedBy !== undefined) {
    console.error(`The report is partial. Go on with --resume ${samples} and the same options.`);
    throw stoppedBy;
  }
  throw new BenchError(`${results.failures.length} trials could not be run: ${results.failures[0]!.message}`);
}
