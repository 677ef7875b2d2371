// What a run's samples come to, trial by trial. Knows nothing of how it is shown.
import { sum } from 'simple-statistics';
import {
  acceptanceFigures,
  timeShares,
  type AcceptanceFigures,
  type TimeShares,
} from './acceptance-figures.js';
import { Bootstrap } from './bootstrap.js';
import { grouped } from './grouped.js';
import { accuracyOf, biasPerToken, lossOf, type Accuracy, type LossFigures } from './quality-figures.js';
import { countLikeness, nearTieMargin, pairSamples, type LikenessCounts } from './sample-pairs.js';
import type { SamplePair } from './sample-pairs.js';
import { trialName, type BenchResults, type RunHead, type Sample, type Trial } from '../sample.js';
import { decodeSpeed, firstTokenRatio, speedFigures, wallSpeed, type SpeedFigures } from './speed-figures.js';

/** Figures of some pairs of answers. */
export interface PairFigures extends AcceptanceFigures {
  readonly numPairs: number;
  /** Different prompts of the pairs. */
  readonly numPrompts: number;
  /** Of decoding, prompts left out; null where it is not to be told. */
  readonly decoding: SpeedFigures | null;
  /** Of everything, prompts included, as Spec-Bench measures; null where it is not to be told. */
  readonly specBench: SpeedFigures | null;
  /** Mean time to the first token over that of plain decoding; null where it is not to be told. */
  readonly firstTokenRatio: number | null;
  readonly timeShares: TimeShares | null;
  readonly likeness: LikenessCounts;
  readonly accuracy: Accuracy | null;
  readonly loss: LossFigures | null;
  /** Total variation distance that a lossy rule spent, mean over output tokens; null where no rule counted it. */
  readonly biasPerToken: number | null;
}

/** Figures of the pairs of one category. */
export interface CategoryFigures extends PairFigures {
  readonly category: string;
}

/** One row of the report. */
export interface TrialSummary extends PairFigures {
  readonly name: string;
  readonly trial: Trial;
  /**
   * `mismatch`: a lossless method gave other tokens than plain decoding, so that there are no speeds; `failed`: it could
   * not be measured; `not measured`: the run ended before it, or no pair of answers can be compared.
   */
  readonly status: 'measured' | 'mismatch' | 'failed' | 'not measured';
  /** Why there are no speeds; empty where there are. */
  readonly reason: string;
  readonly isLossless: boolean;
  /** Answered by another program. */
  readonly isPeer: boolean;
  /** Drafts were made from the known answer: what drafts of this acceptance without a cost of their own would bring. */
  readonly isSynthetic: boolean;
  /** Options as on the command line; empty where the trial was not begun. */
  readonly requested: string;
  /** Prompts times repetitions; null where the trial was not begun. */
  readonly numExpected: number | null;
  readonly numUnpaired: number;
  /** By category, in the order in which prompts came; empty where there is one. */
  readonly categories: readonly CategoryFigures[];
}

/** What a run came to. */
export interface RunSummary {
  readonly run: RunHead;
  readonly isComplete: boolean;
  /** How often the processor was throttled for heat while it answered, where the system tells. */
  readonly throttles: number;
  /** As planned. */
  readonly trials: readonly TrialSummary[];
}

/** Adds up a run, however it ended. */
export function summarize(results: BenchResults): RunSummary {
  const { run, samples, isComplete } = results;
  const bootstrap = new Bootstrap({ seed: Math.abs(run.seed) });
  const byTrial = grouped(samples, ({ trial }) => trial);
  return {
    run,
    isComplete,
    throttles: sum(samples.map(({ throttles }) => throttles)),
    trials: run.trials.map((trial) =>
      summarizeTrial(trial, { results, samples: byTrial.get(trialName(trial)) ?? [], bootstrap }),
    ),
  };
}

interface TrialData {
  readonly results: BenchResults;
  readonly samples: readonly Sample[];
  readonly bootstrap: Bootstrap;
}

function summarizeTrial(trial: Trial, { results, samples, bootstrap }: TrialData): TrialSummary {
  const name = trialName(trial);
  const head = results.trials.get(name);
  const isLossless = head?.lossless ?? true;
  const { pairs, numUnpaired } = pairSamples(samples, trial);
  const failure = results.failures.find((failure) => failure.trial === name);
  const { status, reason } = verdict(pairs, { isLossless, failure: failure?.message });
  const settings = { isLossless, hasSpeeds: status === 'measured', bootstrap };
  const figures = pairFigures(pairs, settings);
  const categories = grouped(pairs, ({ plain }) => plain.category);
  return {
    ...{ name, trial, ...figures },
    ...(status === 'measured' && figures.decoding === null
      ? { status: 'not measured', reason: 'no pair of answers has a speed on both sides' }
      : { status, reason }),
    isLossless,
    isPeer: head?.achieved['peer'] !== undefined,
    isSynthetic:
      head?.achieved['synthetic'] === true ||
      /\bsynthetic\b/.test(`${trial.method} ${head?.requested ?? ''}`),
    requested: head?.requested ?? '',
    numExpected: head === undefined ? null : head.numPrompts * results.run.repetitions,
    numUnpaired,
    categories:
      categories.size < 2
        ? []
        : [...categories].map(([category, some]) => ({ category, ...pairFigures(some, settings) })),
  };
}

function verdict(
  pairs: readonly SamplePair[],
  { isLossless, failure }: { readonly isLossless: boolean; readonly failure: string | undefined },
): Pick<TrialSummary, 'status' | 'reason'> {
  const { mismatch, nearTie } = countLikeness(pairs);
  if (failure !== undefined) return { status: 'failed', reason: failure };
  if (isLossless && mismatch > 0)
    return {
      status: 'mismatch',
      reason: `${mismatch} of ${pairs.length} answers are not those of plain decoding`,
    };
  if (pairs.length === 0)
    return { status: 'not measured', reason: 'the run ended before there were two answers to compare' };
  if (isLossless && nearTie === pairs.length)
    return {
      status: 'not measured',
      reason: `all answers part from plain decoding where two tokens are within ${nearTieMargin} nats`,
    };
  return { status: 'measured', reason: '' };
}

interface FigureSettings {
  readonly isLossless: boolean;
  readonly hasSpeeds: boolean;
  readonly bootstrap: Bootstrap;
}

/** Answers of a lossless method that part at a near tie go on differently, so their speeds do not compare. */
function pairFigures(
  pairs: readonly SamplePair[],
  { isLossless, hasSpeeds, bootstrap }: FigureSettings,
): PairFigures {
  const comparable = pairs.filter(({ likeness }) => !isLossless || likeness !== 'near tie');
  const timed = hasSpeeds ? comparable : [];
  const answers = pairs.map(({ method }) => method);
  return {
    numPairs: pairs.length,
    numPrompts: new Set(pairs.map(({ plain }) => plain.prompt)).size,
    decoding: speedFigures(timed, decodeSpeed, bootstrap),
    specBench: speedFigures(timed, wallSpeed, bootstrap),
    firstTokenRatio: firstTokenRatio(timed),
    ...acceptanceFigures(answers),
    timeShares: timeShares(answers),
    likeness: countLikeness(pairs),
    accuracy: accuracyOf(pairs),
    loss: lossOf(pairs),
    biasPerToken: biasPerToken(pairs),
  };
}
