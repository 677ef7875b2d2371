// A run: its trials one after the other, what they bring written down as it comes. Knows nothing of reports.
import { ResultsFileError } from '../errors.js';
import type { ResultsFile } from './results-file.js';
import { resultsOf } from './results-file.js';
import { runTrialProcess } from './run-trial.js';
import { trialName, type BenchResults, type ResultLine, type RunHead } from './sample.js';
import { pairName, type TrialPlan } from './trial.js';

/** How far a run is. */
export interface BenchProgress {
  readonly trial: string;
  /** Pairs of answers. */
  readonly numDone: number;
  readonly numPairs: number;
}

/** Options of {@link runBench}. */
export interface BenchOptions {
  readonly run: RunHead;
  readonly plans: readonly Omit<TrialPlan, 'done' | 'startedAt'>[];
  readonly file: ResultsFile | undefined;
  /** What is there already. */
  readonly before?: BenchResults | undefined;
  readonly onProgress?: ((progress: BenchProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Runs a trial; default in a process of its own. */
  readonly runTrial?: typeof runTrialProcess | undefined;
}

/** What a run brought, and why it stopped where it did not come to its end. */
export interface BenchOutcome {
  readonly results: BenchResults;
  readonly stoppedBy: unknown;
}

/** Runs all trials. A trial that fails is noted, and the next one runs; what was measured is kept however the run ends. */
export async function runBench(options: BenchOptions): Promise<BenchOutcome> {
  const { run, plans, file, before, onProgress, signal, runTrial = runTrialProcess } = options;
  const lines: ResultLine[] = before === undefined ? [] : [...before.trials.values(), ...before.samples];
  const startedAt = Date.now() - Math.max(0, ...(before?.samples ?? []).map(({ at }) => at));
  const note = (more: readonly ResultLine[]): void => {
    file?.append(more);
    lines.push(...more);
  };
  const numPairs = plans.reduce((sum, { prompts, repetitions }) => sum + prompts.length * repetitions, 0);
  let numDone = 0;
  const outcome = (stoppedBy: unknown): BenchOutcome => ({
    results: { ...resultsOf(run, lines), isComplete: stoppedBy === undefined },
    stoppedBy,
  });
  for (const plan of plans) {
    const trial = trialName(plan.trial);
    const done = doneIn(before, trial);
    numDone += done.length;
    onProgress?.({ trial, numDone, numPairs });
    if (done.length === plan.prompts.length * plan.repetitions) continue;
    try {
      await runTrial(
        { ...plan, done, startedAt },
        (message) => {
          note(message.kind === 'head' ? [message.head] : message.samples);
          if (message.kind === 'pair') onProgress?.({ trial, numDone: ++numDone, numPairs });
        },
        signal,
      );
    } catch (error) {
      if (signal?.aborted === true || error instanceof ResultsFileError) return outcome(error);
      try {
        note([{ kind: 'failure', trial, message: error instanceof Error ? error.message : String(error) }]);
      } catch (failure) {
        return outcome(failure);
      }
    }
  }
  return outcome(undefined);
}

/** Pairs of a trial that are there already. */
function doneIn(before: BenchResults | undefined, trial: string): string[] {
  const own = before?.samples.filter((sample) => sample.trial === trial && sample.side === 'method') ?? [];
  return own.map(pairName);
}
