// From logits to a distribution: the specification of the sampler chain. The native chain is its twin.
import type { SamplingParams, TokenId } from '../types.js';
import { oneHot, type Distribution } from './distribution.js';
import { entropy } from './entropy.js';
import { resolveSampling } from './params.js';
import { applyDry, applyLogitBias, applyPenalties } from './penalties.js';

interface Candidate {
  readonly id: TokenId;
  readonly logit: number;
  /** `exp((logit - largest logit) / temperature)`: the likeliest token has 1, and nothing renormalises it. */
  readonly weight: number;
}

/**
 * The distribution of the next token. Everything is computed in double, in this order:
 *
 *  1. logit bias, then repetition, frequency and presence penalties, then DRY (see penalties.ts);
 *  2. temperature 0: all mass on the largest logit, the smallest id on a tie; nothing below applies;
 *  3. top-k: the K largest logits, smaller ids first among equals. Logits are compared before they are divided by
 *     the temperature, which keeps their order but may make neighbours equal;
 *  4. temperature: weight = exp((logit - largest) / temperature), the largest taken over the survivors;
 *  5. top-p: by descending weight (smaller ids first among equals) the shortest prefix whose probability reaches P;
 *  6. min-p: weights of at least minP;
 *  7. typical: by ascending |-log(prob) - entropy| (smaller ids first among equals) the shortest prefix whose
 *     probability reaches typicalP;
 *  8. probabilities: weights over their sum; those that underflow to 0 are left out.
 *
 * In steps 5 and 7 a probability is the weight over the sum of the survivors' weights, and a prefix's probability is
 * summed in its own order. Every other sum runs in token-id order. Tokens of logit -Infinity or NaN drop out.
 *
 * @param logits   [vocabSize]; left unchanged
 * @param params   checked here
 * @param history  [historyLength], oldest first, up to the token that the logits follow; only penalties read it
 * @throws {TypeError | RangeError} on bad parameters
 * @throws {RangeError} when no token has a finite logit, or one has +Infinity
 * @see top-p: Holtzman et al., arXiv:1904.09751; typical: Meister et al., arXiv:2202.00666
 *      (departures from both: ties go to the smaller id)
 * Cost: O(vocabSize log vocabSize) with top-k, top-p or typical, else O(vocabSize).
 */
export function distributionOf(
  logits: Float32Array,
  params: SamplingParams = {},
  history: Int32Array = new Int32Array(),
): Distribution {
  const resolved = resolveSampling(params);
  const adjusted = Float64Array.from(logits);
  applyLogitBias(adjusted, resolved);
  applyPenalties(adjusted, history, resolved);
  applyDry(adjusted, history, resolved);

  const largest = largestToken(adjusted);
  if (resolved.temperature === 0) return oneHot(largest);
  let survivors = keepTopK(weighted(adjusted, adjusted[largest]!, resolved.temperature), resolved.topK);
  survivors = keepTopP(survivors, resolved.topP);
  survivors = survivors.filter(({ weight }) => weight >= resolved.minP);
  return normalised(keepTypical(survivors, resolved.typicalP));
}

function largestToken(logits: Float64Array): TokenId {
  let largest = -1;
  for (let id = 0; id < logits.length; id++) {
    if (logits[id]! > (logits[largest] ?? -Infinity)) largest = id;
  }
  if (!Number.isFinite(logits[largest])) {
    throw new RangeError(`Expected a finite largest logit but received ${logits[largest] ?? 'none'}`);
  }
  return largest;
}

function weighted(logits: Float64Array, largest: number, temperature: number): Candidate[] {
  const candidates: Candidate[] = [];
  logits.forEach((logit, id) => {
    // Subtracting first keeps the quotient from overflowing at tiny temperatures.
    if (logit > -Infinity) candidates.push({ id, logit, weight: Math.exp((logit - largest) / temperature) });
  });
  return candidates;
}

function keepTopK(candidates: readonly Candidate[], count: number): readonly Candidate[] {
  if (count === 0 || count >= candidates.length) return candidates;
  return byId(
    candidates.toSorted((one, other) => other.logit - one.logit || one.id - other.id).slice(0, count),
  );
}

function keepTopP(candidates: readonly Candidate[], mass: number): readonly Candidate[] {
  if (mass >= 1) return candidates;
  const ordered = candidates.toSorted((one, other) => other.weight - one.weight || one.id - other.id);
  return prefixReaching(ordered, sumOf(candidates), mass);
}

function keepTypical(candidates: readonly Candidate[], mass: number): readonly Candidate[] {
  if (mass >= 1) return candidates;
  const sum = sumOf(candidates);
  const surprise = entropy(candidates.map(({ weight }) => weight / sum));
  const distance = ({ weight }: Candidate) => Math.abs(-Math.log(weight / sum) - surprise);
  const ordered = candidates
    .map((candidate) => ({ candidate, distance: distance(candidate) }))
    .sort((one, other) => compare(one.distance, other.distance) || one.candidate.id - other.candidate.id)
    .map(({ candidate }) => candidate);
  return prefixReaching(ordered, sum, mass);
}

/** The shortest prefix whose probability reaches `mass`, in id order; all of them where rounding never gets there. */
function prefixReaching(ordered: readonly Candidate[], sum: number, mass: number): readonly Candidate[] {
  let reached = 0;
  let size = 0;
  while (size < ordered.length && reached < mass) {
    reached += ordered[size]!.weight / sum;
    size += 1;
  }
  return byId(ordered.slice(0, size));
}

function normalised(candidates: readonly Candidate[]): Distribution {
  const sum = sumOf(candidates);
  const kept = candidates.filter(({ weight }) => weight / sum > 0);
  return {
    ids: Int32Array.from(kept, ({ id }) => id),
    probs: Float64Array.from(kept, ({ weight }) => weight / sum),
  };
}

function byId(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.toSorted((one, other) => one.id - other.id);
}

function sumOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((total, { weight }) => total + weight, 0);
}

/** Unlike a difference, this orders infinities too. */
function compare(one: number, other: number): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
