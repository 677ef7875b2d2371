// What several draft tokens after the same text can bring at most, and what recursive rejection makes of them.
import { mean } from 'simple-statistics';
import type { Distribution } from '../../sampling/distribution.js';
import { optimalWithReplacement } from '../../theory/optimal-acceptance.js';
import { recursiveAcceptance } from '../../theory/root-rejection.js';
import type { Trace } from './trace.js';

/** Draft tokens after the same text. */
const siblingCounts = [1, 2, 4, 8] as const;
/** Positions that are looked at: one in so many, for each takes milliseconds; none that begins a text, which is like no other. */
const siblingStride = 16;
const firstLookedAt = 4;

/** Whether this position of a text is looked at. */
export const isLookedAt = (position: number): boolean => position % siblingStride === firstLookedAt;

/** Probabilities that one of the siblings, drawn with replacement, is accepted. */
export interface SiblingAcceptance {
  readonly numSiblings: number;
  /** By the best rule that there can be. */
  readonly optimal: number;
  readonly recursive: number;
}

/** At one position. */
export function siblingAcceptance(target: Distribution, draft: Distribution): SiblingAcceptance[] {
  return siblingCounts.map((numSiblings) => ({
    numSiblings,
    optimal: optimalWithReplacement(target, draft, numSiblings),
    recursive: recursiveAcceptance(target, draft, numSiblings),
  }));
}

/** Means over the positions that were looked at, at which a round may start. */
export function reportSiblings(traces: readonly Trace[]): SiblingAcceptance[] {
  const all = traces.flatMap(({ facts, numStarts }) =>
    facts.slice(0, numStarts).flatMap(({ siblings }) => (siblings === undefined ? [] : [siblings])),
  );
  if (all.length === 0) return [];
  return siblingCounts.map((numSiblings, index) => ({
    numSiblings,
    optimal: mean(all.map((siblings) => siblings[index]!.optimal)),
    recursive: mean(all.map((siblings) => siblings[index]!.recursive)),
  }));
}
