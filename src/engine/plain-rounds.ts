// Plain decoding: many rounds of one token each in one call into the target. Knows nothing of drafters or verifiers.
import { Purpose, uniform } from '../sampling/random.js';
import type { RoundResult, RoundSetup, RoundStart } from './round.js';

/** Milliseconds of plain decoding in one call: short enough that text still flows. */
const momentMs = 40;
const maxTokensPerCall = 32;

/** How many tokens one call draws, by how long a token took the last time. */
export class PlainPace {
  #numTokens = 1;

  /** Tokens of the next call, at least 1. */
  get numTokens(): number {
    return this.#numTokens;
  }

  /** Tells that a call of `ms` milliseconds brought `numTokens` tokens. */
  observe(numTokens: number, ms: number): void {
    const wanted = Math.floor((momentMs * numTokens) / Math.max(ms, Number.EPSILON));
    this.#numTokens = Math.min(maxTokensPerCall, Math.max(1, wanted));
  }
}

/**
 * Draws up to `maxTokens` tokens from the target, as many as `pace` says, and tells each as a round of its own. A token is
 * drawn by the uniform of its output position, as a round without a draft would draw it. When it fails, none of its
 * tokens counts.
 */
export async function runPlainRounds(
  setup: Pick<RoundSetup, 'target' | 'seed' | 'signal'> & { readonly ignoreEos: boolean },
  { tokens, outputPosition }: Pick<RoundStart, 'tokens' | 'outputPosition'>,
  pace: PlainPace,
  maxTokens: number,
): Promise<readonly RoundResult[]> {
  const { target, seed, signal, ignoreEos } = setup;
  const startedAt = performance.now();
  const length = Math.min(pace.numTokens, maxTokens);
  const uniforms = Float64Array.from({ length }, (_, index) =>
    uniform(seed, Purpose.target, outputPosition + index),
  );
  const extended = await target.extend!(tokens.at(-1)!, { uniforms, stopAtEnd: !ignoreEos, signal });
  const ms = performance.now() - startedAt;
  const numTokens = extended.tokens.length;
  pace.observe(numTokens, ms);
  const record = {
    numDraftTokens: 0,
    numAccepted: 0,
    isPlain: false,
    draftMs: 0,
    decodeMs: extended.decodeMs / numTokens,
    verifyMs: extended.samplingMs / numTokens,
    roundMs: ms / numTokens,
  };
  return Array.from(extended.tokens, (token) => ({ tokens: [token], nextTokenKind: 'bonus', record }));
}
