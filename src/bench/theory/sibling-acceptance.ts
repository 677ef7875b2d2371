// What several draft tokens after the same text can bring at most, and what recursive rejection makes of them.
import type { Distribution } from '../../sampling/distribution.js';
import { optimalWithReplacement } from '../../theory/optimal-acceptance.js';
import { recursiveAcceptance } from '../../theory/root-rejection.js';

/** Draft tokens after the same text. */
const siblingCounts = [1, 2, 4, 8] as const;
/**
 * Positions that are looked at, one in so many of the first texts, for each takes up to half a second where vocabularies are
 * large; none that begins a text, which is like no other.
 */
const siblingStride = 16;
const firstLookedAt = 4;
const textsLookedAt = 16;

/** Whether this position of a text is looked at. */
export const isLookedAt = (text: number, position: number): boolean =>
  text < textsLookedAt && position % siblingStride === firstLookedAt;

/** Probabilities that one of the siblings, drawn with replacement, is accepted. */
export interface SiblingAcceptance {
  readonly numSiblings: number;
  /** By the best rule that there can be. */
  readonly optimal: number;
  readonly recursive: number;
}

/** At one position. */
export function siblingAcceptance(target: Distribution, draft: Distribution): SiblingAcceptance[] {
  const optimal = optimalWithReplacement(target, draft, siblingCounts);
  return siblingCounts.map((numSiblings, index) => ({
    numSiblings,
    optimal: optimal[index]!,
    recursive: recursiveAcceptance(target, draft, numSiblings),
  }));
}
