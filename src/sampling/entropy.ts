// How unsure a distribution is. Knows nothing of models or of what is decided by it.

/**
 * Entropy in nats, `-sum p ln p`; the one definition of it.
 * @param probs  each >= 0, sum 1; those that are 0 count nothing
 * Cost: O(probs).
 */
export function entropy(probs: ArrayLike<number>): number {
  let total = 0;
  for (let index = 0; index < probs.length; index++) {
    const probability = probs[index]!;
    if (probability > 0) total -= probability * Math.log(probability);
  }
  return total;
}

/** Where an entropy lies, in nats. */
export interface EntropyBounds {
  readonly least: number;
  readonly most: number;
}

/**
 * Bounds on the entropy of a distribution of which only the likeliest tokens are known: the mass of the others is spread
 * most evenly at most, and in lumps of the last known probability at least.
 * @param logprobs   natural logs, descending
 * @param vocabSize  tokens of the whole distribution; both bounds are the entropy when all are known
 */
export function entropyBounds(logprobs: ArrayLike<number>, vocabSize: number): EntropyBounds {
  const probs = Float64Array.from(logprobs, Math.exp);
  const known = entropy(probs);
  const numUnknown = vocabSize - probs.length;
  const mass = Math.max(0, 1 - probs.reduce((sum, probability) => sum + probability, 0));
  if (numUnknown <= 0 || mass === 0) return { least: known, most: known };
  return {
    least: known - mass * Math.min(0, logprobs[logprobs.length - 1]!),
    most: known + mass * Math.log(numUnknown / mass),
  };
}

/** Tokens that are looked at first, and how many times as many each time that they do not decide. */
const firstLook = 32;
const growth = 16;

/**
 * True when the entropy of a distribution is at most `limit`. Looks at its likeliest tokens, and at more of them only
 * while their bounds leave it open: a sure row is nearly always decided by the first few.
 * @param limit      in nats
 * @param vocabSize  tokens of the distribution
 * @param likeliest  natural logs of the `count` largest probabilities, descending; count <= vocabSize
 * Cost: that of `likeliest`, at worst for the whole vocabulary, which then has to be sorted.
 */
export function isEntropyAtMost(
  limit: number,
  vocabSize: number,
  likeliest: (count: number) => ArrayLike<number>,
): boolean {
  for (let count = Math.min(firstLook, vocabSize); ; count = Math.min(growth * count, vocabSize)) {
    const { least, most } = entropyBounds(likeliest(count), vocabSize);
    if (most <= limit) return true;
    if (least > limit || count === vocabSize) return false;
  }
}
