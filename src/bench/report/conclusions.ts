// What a run comes to in sentences, for readers who have seen no benchmark before. Knows nothing of pictures.
import { formatRatio } from './format-figure.js';
import { grouped } from './grouped.js';
import { methodLabel, summarizeMethods, type MethodSummary } from './method-summary.js';
import type { RunSummary, TrialSummary } from './summary.js';

/** Prompts that a bootstrap needs to be believed. */
const enoughPrompts = 10;

/** What speculation buys over all, who profits least and most, and where it costs; sentences. */
export function conclusions(summary: RunSummary): readonly string[] {
  const measured = summarizeMethods(summary).filter(({ speedup }) => speedup !== null);
  if (measured.length === 0) return ['No speeds were measured.'];
  const best = bestOf(measured);
  return [overall(measured), ...(best === undefined ? [] : extremes(best)), slowdowns(summary)];
}

/** What has to be known of the figures: what is missing, refused, lossy or not real; sentences. */
export function notices(summary: RunSummary): readonly string[] {
  const { run, trials, isComplete, throttles } = summary;
  const begun = trials.filter(({ numExpected }) => numExpected !== null).length;
  return [
    ...(isComplete
      ? []
      : [
          `Partial: the run was ended before its last trial; ${begun} of ${trials.length} trials were begun.`,
        ]),
    ...trials.flatMap(trialNotice),
    ...(trials.some(({ decoding, numPrompts }) => decoding?.interval != null && numPrompts < enoughPrompts)
      ? [
          `Intervals of workloads with fewer than ${enoughPrompts} prompts are narrower than they should be: other prompts may do better or worse.`,
        ]
      : []),
    ...(trials.some(({ isSynthetic }) => isSynthetic)
      ? [
          'Synthetic methods draft from the known answer, at no cost: they show what drafts of this acceptance would bring, and are nothing to use.',
        ]
      : []),
    ...(trials.some(({ isLossless }) => !isLossless)
      ? [
          'Lossy methods change what the target says: bias is the total variation distance from its distribution that the rule spent, a token; TV is that distance where it was audited; same are answers equal to those of plain decoding.',
        ]
      : []),
    ...(/\binflated\b/i.test(run.target.description)
      ? [
          'The target is inflated: it says what a small model says, at the cost of a larger one. Acceptance is that of the small models.',
        ]
      : []),
    ...run.notes,
    ...(throttles > 0
      ? [
          `The processor was throttled for heat ${count(throttles, 'time', 'times')} while it answered: speeds are lower and vary more than without.`,
        ]
      : []),
  ];
}

function trialNotice({
  name,
  status,
  reason,
  numPairs,
  numExpected,
  likeness,
  isLossless,
}: TrialSummary): string[] {
  if (status === 'failed') return [`Failed: ${name}: ${reason}.`];
  if (status === 'mismatch') return [`Refused: ${name}: ${reason}, so its speed means nothing.`];
  if (numExpected === null) return [];
  if (status === 'not measured') return [`Not measured: ${name}: ${reason}.`];
  const notes: string[] = [];
  if (numExpected !== null && numPairs < numExpected)
    notes.push(`Partial: ${name}: ${numPairs} of ${numExpected} answers.`);
  if (isLossless && likeness.nearTie > 0)
    notes.push(
      `Near tie: ${name}: ${count(likeness.nearTie, 'answer parts', 'answers part')} from plain decoding where two tokens are as good as equal, and ${likeness.nearTie === 1 ? 'is' : 'are'} left out of the speeds.`,
    );
  return notes;
}

function overall(methods: readonly MethodSummary[]): string {
  const byLabel = grouped(methods, methodLabel);
  const parts = [...byLabel].map(([label, some]) => {
    const figures = some.map(
      ({ speedup, temperature, numMeasured, numTrials }) =>
        `${formatRatio(speedup)} at temperature ${temperature}${numMeasured < numTrials ? ` (${numMeasured} of ${numTrials} workloads)` : ''}`,
    );
    return `${label} ${figures.join(' and ')}`;
  });
  const numWorkloads = Math.max(...methods.map(({ numMeasured }) => numMeasured));
  const mean = numWorkloads > 1 ? ', geometric mean over workloads' : '';
  return `Speed against plain decoding${mean}: ${parts.join('; ')}.`;
}

/** The fastest that can be used and changes nothing. */
function bestOf(methods: readonly MethodSummary[]): MethodSummary | undefined {
  return methods
    .filter(({ isLossless, isSynthetic }) => isLossless && !isSynthetic)
    .toSorted((one, other) => other.speedup! - one.speedup!)[0];
}

function extremes({ least, most, numMeasured, ...best }: MethodSummary): string[] {
  const name = `${methodLabel(best)} at temperature ${best.temperature}`;
  if (numMeasured < 2 || least === null || most === null) return [];
  return [
    `With ${name}, ${least.workload} profits least (${formatRatio(least.speedup)}) and ${most.workload} most (${formatRatio(most.speedup)}).`,
  ];
}

/** Trials whose whole interval is below plain decoding. */
function slowdowns({ trials }: RunSummary): string {
  const sure = trials.filter(({ decoding }) => decoding !== null && decoding.interval !== null);
  const slower = sure.filter(({ decoding }) => decoding!.interval!.high < 1);
  if (sure.length === 0) return 'With one prompt a workload, nothing is said of how sure these figures are.';
  return slower.length === 0
    ? 'No workload is slower than plain decoding beyond chance (95 % intervals).'
    : `Slower than plain decoding beyond chance: ${slower.map(({ name }) => name).join('; ')}.`;
}

function count(number: number, one: string, several: string): string {
  return `${number} ${number === 1 ? one : several}`;
}
