// Has the drafter say what it would have made of tokens that were decoded plainly. Knows nothing of what is made of it.
import type { LookedBack } from '../cost/hindsight.js';
import { Purpose, uniform } from '../sampling/random.js';
import type { RoundSetup, RoundStart } from './round.js';

/** The tokens to look back on. */
export interface LookBackStart extends Pick<RoundStart, 'tokens' | 'outputPosition' | 'isBeginning'> {
  /** [n]: of each of the last n tokens in the row that the target drew it from. */
  readonly probabilities: readonly number[];
}

/** Looks back; where the drafter has not begun this text yet, it reads what came before first. Takes no time where nothing is done. */
export async function lookBack(
  setup: Pick<RoundSetup, 'drafter' | 'verifier' | 'sampling' | 'seed' | 'signal'>,
  { tokens, outputPosition, isBeginning = false, probabilities }: LookBackStart,
): Promise<LookedBack> {
  const { drafter, verifier, sampling, seed, signal } = setup;
  const startedAt = performance.now();
  const numTokens = probabilities.length;
  if (drafter === undefined || numTokens === 0) return { accepted: undefined, ms: 0 };
  if (isBeginning) await drafter.begin(Array.from(tokens.subarray(0, -numTokens)), signal);
  const accepted = await drafter.lookBack?.({
    tokens,
    probabilities: Float64Array.from(probabilities),
    sampling,
    needsDraftProbs: verifier.needsDraftProbs,
    uniform: (index) => uniform(seed, Purpose.resample, outputPosition - numTokens + index),
    signal,
  });
  return { accepted, ms: performance.now() - startedAt };
}
