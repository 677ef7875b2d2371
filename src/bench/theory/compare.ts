// Theory against measurement on a pair of models: texts, predictions, and interleaved runs.
import { RoundCost } from '../../cost/round-cost.js';
import { createEngine, type Engine } from '../../engine/engine.js';
import type { ContextOptions } from '../../model/context-options.js';
import type { Model } from '../../model/model.js';
import type { Sequence } from '../../model/sequence.js';
import type { DraftSize } from '../../theory/best-draft.js';
import type { SamplingParams } from '../../types.js';
import type { Method } from './method.js';
import {
  measureRun,
  MethodBench,
  warmUp,
  type MeasuredRun,
  type RunOptions,
  type Subject,
} from './method-bench.js';
import type { PredictedRounds } from './predict-chain.js';
import {
  bestChain,
  predictMs,
  predictPlainMs,
  reportMethod,
  reportParetoLine,
  reportSiblings,
  reportText,
  type MethodReport,
  type ParetoLinePoint,
  type TextReport,
} from './report.js';
import type { SiblingAcceptance } from './sibling-acceptance.js';
import { reportTasks, type TaskReport } from './task-report.js';
import { traceText, type Trace } from './trace.js';

/** Options of {@link compareWithTheory}. */
export interface TheoryOptions {
  readonly target: Model;
  readonly draft: Model;
  /** Tokens of each prompt. */
  readonly prompts: readonly Int32Array[];
  /** [numPrompts]: what each prompt is about, where that is known. */
  readonly tasks?: readonly (string | undefined)[] | undefined;
  readonly methods: readonly Method[];
  readonly sampling: SamplingParams;
  readonly maxTokens: number;
  readonly ignoreEos: boolean;
  /** Texts and runs of each prompt. */
  readonly samples: number;
  /** Of the first run; predictions come from texts with other seeds. */
  readonly seed: number;
  readonly context: ContextOptions;
  readonly onProgress: (share: number) => void;
}

/** What {@link compareWithTheory} finds. */
export interface TheoryReport {
  readonly text: TextReport;
  /** [longest text]: mean total variation at each output position. */
  readonly totalVariationAlongText: readonly number[];
  readonly methods: readonly MethodReport[];
  /** Empty where the prompts are not of several tasks. */
  readonly tasks: readonly TaskReport[];
  /** By the number of siblings; empty where texts are too short to look at them. */
  readonly siblings: readonly SiblingAcceptance[];
  /** By epsilon; empty where no method is lossy. */
  readonly paretoLine: readonly ParetoLinePoint[];
  /** The best chain under `block`, by prediction; undefined without a method for chains. */
  readonly bestChain: DraftSize | undefined;
}

/** Seeds of texts that predictions come from, and of generations that only teach: far from those of the runs. */
const [textSeeds, warmUpSeeds, lessonSeeds] = [1e6, 2e6, 3e6];
const longestChain = 16;
/** Cells are kept for contexts in steps of so many. */
const contextStep = 256;

/** Predicts every method from the target's own texts, then runs it, in turn with the others and with plain decoding. */
export async function compareWithTheory(options: TheoryOptions): Promise<TheoryReport> {
  const progress = new Steps(options);
  const context = contextFor(options);
  const engines: Engine[] = [];
  const { target, draft, sampling } = options;
  const draftContext = await draft.createContext({ maxLeaves: 1, ...context });
  try {
    const plain = await createEngine({ target, drafter: 'none', context });
    engines.push(plain);
    const benches: MethodBench[] = [];
    for (const method of options.methods) {
      const bench = await MethodBench.create(method, { target, draft, context }, sampling);
      engines.push(bench.engine);
      benches.push(bench);
    }
    const traces = await traceAll(plain, draftContext.sequence(), benches, options, progress);
    const plainCost = new RoundCost({ batches: benches[0]?.calibration.batches ?? [], drafts: [] });
    await warmUpAll(benches, options, progress);
    const predicted = await predictAll(benches, traces, draftContext.sequence(), options, progress);
    const times = benches.map(() => ({ predictedMs: [] as number[], predictedPlainMs: [] as number[] }));
    const [plainRuns, ...runs] = await runAll([{ engine: plain, cost: plainCost }, ...benches], {
      ...{ ...options, progress },
      onTaught: (turn) => {
        for (const [index, { cost }] of benches.entries()) {
          const [rounds, trace] = [predicted[index]![turn]!, traces[turn]!];
          times[index]!.predictedMs.push(predictMs(rounds, trace, cost));
          times[index]!.predictedPlainMs.push(predictPlainMs(rounds, trace, plainCost));
        }
      },
    });
    const chain = benches.find(({ isChain }) => isChain);
    return {
      ...aboutTexts(traces, options),
      tasks: reportTasks({
        ...{ tasks: options.tasks ?? [], traces },
        runs: runs.filter((_, index) => benches[index]!.isTokenWise && benches[index]!.verifier.lossless),
      }),
      methods: benches.map(({ method, verifier, isTokenWise }, index) =>
        reportMethod({
          ...{ method: method.name, verifier: verifier.name, lossless: verifier.lossless, isTokenWise },
          ...{ predicted: predicted[index]!, runs: runs[index]!, plainRuns: plainRuns!, ...times[index]! },
        }),
      ),
      bestChain: chain && bestChain(traces, 'block', { cost: chain.cost, plainCost, longest: longestChain }),
    };
  } finally {
    draftContext.dispose();
    for (const engine of engines) await engine.dispose();
  }
}

/** What the texts say, whatever the methods make of them. */
function aboutTexts(
  traces: readonly Trace[],
  options: TheoryOptions,
): Pick<TheoryReport, 'text' | 'paretoLine' | 'siblings' | 'totalVariationAlongText'> {
  const text = reportText(traces);
  const paretoLine = reportParetoLine(traces, epsilonsOf(options), text.totalVariation);
  const siblings = reportSiblings(traces);
  return { text, paretoLine, siblings, totalVariationAlongText: alongText(traces) };
}

/** Shapes that learn from what is accepted have learnt before they are predicted. */
async function warmUpAll(
  benches: readonly MethodBench[],
  options: TheoryOptions,
  progress: Steps,
): Promise<void> {
  for (const [index, prompt] of options.prompts.entries()) {
    for (const bench of benches) {
      await warmUp(bench, prompt, { ...runOptionsOf(options), seed: options.seed + warmUpSeeds + index });
      progress.next();
    }
  }
}

async function traceAll(
  engine: Engine,
  draft: Sequence,
  benches: readonly MethodBench[],
  options: TheoryOptions,
  progress: Steps,
): Promise<Trace[]> {
  const { sampling, maxTokens, ignoreEos } = options;
  const lookahead = Math.max(longestChain, ...benches.map(({ maxDepth }) => maxDepth));
  const traces: Trace[] = [];
  for (const { prompt, seed } of generationsOf(options)) {
    const epsilons = epsilonsOf(options);
    const textIndex = traces.length;
    const traceOptions = { engine, draft, sampling, maxTokens, lookahead, epsilons, textIndex, ignoreEos };
    traces.push(await traceText(prompt, textSeeds + seed, traceOptions));
    progress.next();
  }
  return traces;
}

/** [numMethods][numTraces] */
async function predictAll(
  benches: readonly MethodBench[],
  traces: readonly Trace[],
  draft: Sequence,
  options: TheoryOptions,
  progress: Steps,
): Promise<PredictedRounds[][]> {
  const predicted: PredictedRounds[][] = [];
  for (const bench of benches) {
    const ofMethod: PredictedRounds[] = [];
    for (const [index, trace] of traces.entries()) {
      ofMethod.push(
        await bench.predict(trace, draft, {
          ...runOptionsOf(options),
          seed: textSeeds + options.seed + index,
        }),
      );
      progress.next();
    }
    predicted.push(ofMethod);
  }
  return predicted;
}

/**
 * Every generation by every subject, another one first each time. Each turn begins with generations that only teach what rounds
 * cost: what a machine can do changes within minutes.
 * @returns [numSubjects][numTurns]
 */
async function runAll(
  subjects: readonly Subject[],
  options: TheoryOptions & { readonly progress: Steps; readonly onTaught: (turn: number) => void },
): Promise<MeasuredRun[][]> {
  const { progress, onTaught } = options;
  const runOptions = runOptionsOf(options);
  const all: MeasuredRun[][] = subjects.map(() => []);
  for (const [turn, { prompt, seed }] of generationsOf(options).entries()) {
    for (const subject of subjects) {
      await warmUp(subject, prompt, { ...runOptions, seed: seed + lessonSeeds });
      progress.next();
    }
    onTaught(turn);
    for (let offset = 0; offset < subjects.length; offset++) {
      const index = (turn + offset) % subjects.length;
      all[index]!.push(await measureRun(subjects[index]!.engine, prompt, { ...runOptions, seed }));
      progress.next();
    }
  }
  return all;
}

/** Of the lossy methods, ascending, each once. */
const epsilonsOf = ({ methods }: TheoryOptions): number[] =>
  [...new Set(methods.flatMap(({ epsilon = 0 }) => (epsilon > 0 ? [epsilon] : [])))].sort(
    (one, other) => one - other,
  );

const runOptionsOf = ({ maxTokens, sampling, ignoreEos }: TheoryOptions): RunOptions => ({
  maxTokens,
  sampling,
  ignoreEos,
});

/** Each prompt with each of its seeds. */
function generationsOf({ prompts, samples, seed }: TheoryOptions): { prompt: Int32Array; seed: number }[] {
  return Array.from({ length: samples }, (_, sample) =>
    prompts.map((prompt, index) => ({ prompt, seed: seed + sample * prompts.length + index })),
  ).flat();
}

/** Cells for the longest prompt and what follows it, where no size is asked for: every method has contexts of its own. */
function contextFor({ context, prompts, maxTokens, target }: TheoryOptions): ContextOptions {
  if (context.contextSize !== undefined) return context;
  const longest = Math.max(...prompts.map(({ length }) => length));
  const needed = contextStep * Math.ceil((longest + maxTokens + 8 * longestChain) / contextStep);
  const trained = target.info.trainContextSize;
  return { ...context, contextSize: trained > 0 ? Math.min(needed, trained) : needed };
}

function alongText(traces: readonly Trace[]): number[] {
  const longest = Math.max(...traces.map(({ numStarts }) => numStarts));
  return Array.from({ length: longest }, (_, position) => {
    const here = traces.filter(({ numStarts }) => numStarts > position);
    return here.reduce((sum, { facts }) => sum + facts[position]!.totalVariation, 0) / here.length;
  });
}

/** Counts what is done: texts, lessons, predictions and runs. */
class Steps {
  #done = 0;
  readonly #total: number;
  readonly #onProgress: (share: number) => void;

  constructor({ prompts, samples, methods, onProgress }: TheoryOptions) {
    const generations = prompts.length * samples;
    const lessons = prompts.length * methods.length + generations * (methods.length + 1);
    this.#total = generations * (2 + 2 * methods.length) + lessons;
    this.#onProgress = onProgress;
  }

  next(): void {
    this.#done += 1;
    this.#onProgress(this.#done / this.#total);
  }
}
