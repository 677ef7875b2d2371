// How good answers are. Knows nothing of speed.
import { mean, sum } from 'simple-statistics';
import type { SamplePair } from './sample-pairs.js';

/** Right answers of both sides, over pairs where both can be checked. */
export interface Accuracy {
  readonly numChecked: number;
  /** Share of right answers, in [0, 1]. */
  readonly plain: number;
  readonly method: number;
}

/** How far a lossy method's law is from the target's, mean over audited answers. */
export interface LossFigures {
  /** Total variation distance, in [0, 1]. */
  readonly totalVariation: number;
  /** Share of positions whose likeliest token is the same, in [0, 1]. */
  readonly topAgreement: number;
}

/** Total variation distance that a lossy rule spent, mean over output tokens; null where no rule counted it. */
export function biasPerToken(pairs: readonly SamplePair[]): number | null {
  const counted = pairs.flatMap(({ method }) => (method.bias === null ? [] : [method]));
  const numTokens = sum(counted.map(({ outputTokens }) => outputTokens));
  return numTokens === 0 ? null : sum(counted.map(({ bias }) => bias!)) / numTokens;
}

/** null where no answer can be checked. */
export function accuracyOf(pairs: readonly SamplePair[]): Accuracy | null {
  const checked = pairs.filter(({ plain, method }) => plain.isCorrect !== null && method.isCorrect !== null);
  if (checked.length === 0) return null;
  return {
    numChecked: checked.length,
    plain: mean(checked.map(({ plain }) => Number(plain.isCorrect))),
    method: mean(checked.map(({ method }) => Number(method.isCorrect))),
  };
}

/** null where no answer was audited. */
export function lossOf(pairs: readonly SamplePair[]): LossFigures | null {
  const audits = pairs.flatMap(({ method }) => method.quality ?? []);
  if (audits.length === 0) return null;
  return {
    totalVariation: mean(audits.map(({ totalVariation }) => totalVariation)),
    topAgreement: mean(audits.map(({ topAgreement }) => topAgreement)),
  };
}
