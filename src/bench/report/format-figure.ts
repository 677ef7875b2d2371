// Figures as people read them, the same in every report.
import type { Interval } from './bootstrap.js';
import type { SpeedFigures, Rate } from './speed-figures.js';
import type { TrialSummary } from './summary.js';

/** What stands where there is no figure. */
export const noFigure = '-';

/** A ratio, a length; null as {@link noFigure}. */
export function formatRatio(value: number | null): string {
  return value === null ? noFigure : value.toFixed(2);
}

/** Tokens per second. */
export function formatRate(rate: number): string {
  return rate.toFixed(rate < 1000 ? 1 : 0);
}

/** Mean and, where there are several answers, standard deviation. */
export function formatSpread({ mean, stdev }: Rate): string {
  return stdev === null ? formatRate(mean) : `${formatRate(mean)} ± ${formatRate(stdev)}`;
}

/** A speedup and where it lies. */
export function formatSpeedup({ speedup, interval }: Pick<SpeedFigures, 'speedup' | 'interval'>): string {
  return interval === null ? formatRatio(speedup) : `${formatRatio(speedup)} ${formatInterval(interval)}`;
}

function formatInterval({ low, high }: Interval): string {
  return `(${low.toFixed(2)} to ${high.toFixed(2)})`;
}

/** A share as a percentage without decimals, one below ten; null as {@link noFigure}. */
export function formatShare(share: number | null): string {
  if (share === null) return noFigure;
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** Whether the answers are those of plain decoding. */
export function formatLikeness(summary: TrialSummary): string {
  const { status, trial, isLossless, likeness, numPairs } = summary;
  const { same, nearTie, mismatch, unknown } = likeness;
  if (status === 'failed' || numPairs === 0) return noFigure;
  if (!isLossless) return formatLoss(summary);
  if (mismatch > 0) return `no, ${mismatch} of ${numPairs} differ`;
  if (unknown === numPairs) return trial.temperature === 0 ? 'not compared' : 'in distribution';
  const some = same === numPairs ? `all ${numPairs}` : `${same} of ${numPairs}`;
  return nearTie === 0 ? some : `${some}, ${nearTie} near ${nearTie === 1 ? 'tie' : 'ties'}`;
}

/** What is known of a lossy method: what its rule spent, what audits found, how many answers are plain decoding's all the same. */
function formatLoss({ biasPerToken, loss, likeness, numPairs }: TrialSummary): string {
  const numCompared = numPairs - likeness.unknown;
  return [
    'lossy',
    ...(biasPerToken === null ? [] : [`bias ${biasPerToken.toFixed(3)} a token`]),
    ...(loss === null ? [] : [`TV ${loss.totalVariation.toFixed(3)}`]),
    ...(numCompared === 0 ? [] : [`${likeness.same} of ${numCompared} same`]),
  ].join(', ');
}
