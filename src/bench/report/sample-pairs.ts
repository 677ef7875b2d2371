// Puts answers of the method beside those of plain decoding. Knows nothing of speed.
import { grouped } from './grouped.js';
import type { Sample, Trial } from '../sample.js';

/**
 * How the tokens of a pair compare: `near tie` where two tokens were so close that batches of another shape may turn them
 * round; `unknown` where nobody can say, as above temperature 0.
 */
export type Likeness = 'same' | 'near tie' | 'mismatch' | 'unknown';

/** Two answers to one prompt in one repetition. */
export interface SamplePair {
  readonly plain: Sample;
  readonly method: Sample;
  readonly likeness: Likeness;
}

/** Pairs of a trial. */
export interface SamplePairs {
  readonly pairs: readonly SamplePair[];
  /** Answers without their other half: the run ended between the two. */
  readonly numUnpaired: number;
}

/** How many pairs compare so. */
export interface LikenessCounts {
  readonly same: number;
  readonly nearTie: number;
  readonly mismatch: number;
  readonly unknown: number;
}

/** Largest difference of log-probabilities, in nats, that rounding is taken to turn round. */
export const nearTieMargin = 0.05;

/** Pairs the samples of one trial by prompt and repetition; of answers measured twice, the later one counts. */
export function pairSamples(samples: readonly Sample[], trial: Pick<Trial, 'temperature'>): SamplePairs {
  const pairs: SamplePair[] = [];
  let numUnpaired = 0;
  const keyOf = ({ prompt, repetition }: Sample): string => JSON.stringify([prompt, repetition]);
  for (const answers of grouped(samples, keyOf).values()) {
    const plain = answers.findLast(({ side }) => side === 'plain');
    const method = answers.findLast(({ side }) => side === 'method');
    if (plain === undefined || method === undefined) numUnpaired += 1;
    else pairs.push({ plain, method, likeness: likenessOf(method, trial) });
  }
  return { pairs, numUnpaired };
}

function likenessOf({ isSame, margin }: Sample, { temperature }: Pick<Trial, 'temperature'>): Likeness {
  if (isSame === null) return 'unknown';
  if (isSame) return 'same';
  return temperature === 0 && margin !== null && margin <= nearTieMargin ? 'near tie' : 'mismatch';
}

/** Counts pairs by likeness. */
export function countLikeness(pairs: readonly SamplePair[]): LikenessCounts {
  const count = (wanted: Likeness): number => pairs.filter(({ likeness }) => likeness === wanted).length;
  return {
    same: count('same'),
    nearTie: count('near tie'),
    mismatch: count('mismatch'),
    unknown: count('unknown'),
  };
}
