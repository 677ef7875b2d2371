// The ratio of two sums over independent runs, with its interval. Knows nothing of what is summed.
import { sampleVariance, sum } from 'simple-statistics';

/** What one run adds to the two sums. */
export interface RatioPart {
  readonly over: number;
  readonly under: number;
}

/** A ratio and half the width of its 95 % interval. */
export interface RatioEstimate {
  readonly value: number;
  /** NaN where there are fewer than two runs. */
  readonly halfWidth: number;
}

const normal95 = 1.96;

/** The ratio of the sums; its spread is that of what each run is off the line through it, by the delta method. */
export function estimateRatio(parts: readonly RatioPart[]): RatioEstimate {
  const under = sum(parts.map((part) => part.under));
  const value = sum(parts.map((part) => part.over)) / under;
  if (parts.length < 2) return { value, halfWidth: NaN };
  const deviations = parts.map((part) => part.over - value * part.under);
  return { value, halfWidth: (normal95 * Math.sqrt(parts.length * sampleVariance(deviations))) / under };
}

/** The quotient of two ratios of the same runs, such as a speedup: paired, so that what slows both does not count. */
export function estimateQuotient(
  numerators: readonly RatioPart[],
  denominators: readonly RatioPart[],
): RatioEstimate {
  const [top, bottom] = [estimateRatio(numerators).value, estimateRatio(denominators).value];
  const value = top / bottom;
  if (numerators.length < 2) return { value, halfWidth: NaN };
  const meanUnder = (parts: readonly RatioPart[]): number =>
    sum(parts.map((part) => part.under)) / parts.length;
  const [topUnder, bottomUnder] = [meanUnder(numerators), meanUnder(denominators)];
  const deviations = numerators.map((part, index) => {
    const other = denominators[index]!;
    const ofTop = (part.over - top * part.under) / (topUnder * top);
    const ofBottom = (other.over - bottom * other.under) / (bottomUnder * bottom);
    return ofTop - ofBottom;
  });
  const error = Math.sqrt(sampleVariance(deviations) / deviations.length);
  return { value, halfWidth: normal95 * error * value };
}
