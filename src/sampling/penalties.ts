// Changes of logits that depend on single tokens and on history. Knows nothing of probabilities.
import type { SamplingParams, TokenId } from '../types.js';

/**
 * Adds `logitBias` to the logits of its tokens, in place. Tokens outside the vocabulary are passed over.
 * @param logits  [vocabSize]
 */
export function applyLogitBias(
  logits: Float64Array,
  { logitBias }: Pick<Required<SamplingParams>, 'logitBias'>,
): void {
  for (const [token, bias] of logitBias) {
    if (token < logits.length) logits[token]! += bias;
  }
}

/**
 * Repetition, frequency and presence penalties, in place, once for every distinct token of the window, which is
 * the last `penaltyLastN` tokens of the history (-1: all of them):
 *
 *     logit <- logit <= 0 ? logit * repeatPenalty : logit / repeatPenalty
 *     logit <- logit - (occurrences * frequencyPenalty + presencePenalty)
 *
 * @param logits   [vocabSize]
 * @param history  [historyLength], oldest first, up to the token that the logits follow
 */
export function applyPenalties(
  logits: Float64Array,
  history: Int32Array,
  params: Pick<
    Required<SamplingParams>,
    'repeatPenalty' | 'frequencyPenalty' | 'presencePenalty' | 'penaltyLastN'
  >,
): void {
  const occurrences = new Map<TokenId, number>();
  for (const token of lastOf(history, params.penaltyLastN)) {
    occurrences.set(token, (occurrences.get(token) ?? 0) + 1);
  }
  for (const [token, count] of occurrences) {
    const logit = logits[token];
    if (logit === undefined) continue;
    const scaled = logit <= 0 ? logit * params.repeatPenalty : logit / params.repeatPenalty;
    logits[token] = scaled - (count * params.frequencyPenalty + params.presencePenalty);
  }
}

/**
 * The DRY penalty ("don't repeat yourself"), in place, on tokens that would extend a repeated run.
 *
 * The window is the last `dryPenaltyLastN` tokens of the history (-1: all). For every earlier position of the window
 * let `length` be the number of tokens, counted backwards, in which the part that ends there agrees with the end of
 * the window. Agreement stops before a breaker and at the start of the window; the two runs may overlap. The token
 * that stands right after the earlier run would make the repetition one longer:
 *
 *     if length >= dryAllowedLength:  logit -= dryMultiplier * dryBase ^ (length - dryAllowedLength)
 *
 * with the longest `length` of each such token. Breakers themselves are never penalised. The penalty is capped at
 * the largest finite double, so that a token becomes very unlikely but not forbidden.
 *
 * Cost: O(windowLength), by the Z-algorithm on the reversed window.
 * @param logits   [vocabSize]
 * @param history  [historyLength], oldest first, up to the token that the logits follow
 * @see the sampler `dry` of llama.cpp, whose rule this is; departures: breakers are single tokens, all is in double
 */
export function applyDry(
  logits: Float64Array,
  history: Int32Array,
  params: Pick<
    Required<SamplingParams>,
    'dryMultiplier' | 'dryBase' | 'dryAllowedLength' | 'dryPenaltyLastN' | 'drySequenceBreakers'
  >,
): void {
  if (params.dryMultiplier === 0) return;
  for (const [token, length] of repeatedRuns(lastOf(history, params.dryPenaltyLastN), params)) {
    if (length < params.dryAllowedLength || token >= logits.length) continue;
    const penalty = params.dryMultiplier * params.dryBase ** (length - params.dryAllowedLength);
    logits[token]! -= Math.min(penalty, Number.MAX_VALUE);
  }
}

/** The longest repeated run that each token would extend. */
function repeatedRuns(
  window: Int32Array,
  { drySequenceBreakers }: Pick<Required<SamplingParams>, 'drySequenceBreakers'>,
): Map<TokenId, number> {
  const breakers = new Set(drySequenceBreakers);
  const newestFirst = window.slice().reverse();
  const lastBreaker = newestFirst.findIndex((token) => breakers.has(token));
  const limit = lastBreaker === -1 ? newestFirst.length : lastBreaker;
  const lengths = commonPrefixes(newestFirst);
  const longest = new Map<TokenId, number>();
  for (let start = 1; start < newestFirst.length; start++) {
    const token = newestFirst[start - 1]!;
    if (breakers.has(token)) continue;
    longest.set(token, Math.max(longest.get(token) ?? 0, Math.min(lengths[start]!, limit)));
  }
  return longest;
}

/** The Z-array: for every start, how many tokens from there agree with the beginning. */
function commonPrefixes(tokens: Int32Array): Int32Array {
  const lengths = new Int32Array(tokens.length);
  let left = 0;
  let right = 0;
  for (let start = 1; start < tokens.length; start++) {
    let length = start < right ? Math.min(right - start, lengths[start - left]!) : 0;
    while (start + length < tokens.length && tokens[length] === tokens[start + length]) length++;
    lengths[start] = length;
    if (start + length > right) {
      left = start;
      right = start + length;
    }
  }
  return lengths;
}

function lastOf(history: Int32Array, count: number): Int32Array {
  return count === -1 ? history : history.subarray(Math.max(0, history.length - count));
}
