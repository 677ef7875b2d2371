// Plain decoding: many rounds of one token each in one call into the target. Knows nothing of drafters or verifiers.
import { undraftedRound } from '../metrics/counters.js';
import { Purpose, uniform } from '../sampling/random.js';
import type { RoundResult, RoundSetup, RoundStart } from './round.js';

/** Tokens of one call: enough that its start and end cost nothing beside them. */
const maxTokensPerCall = 512;

/**
 * Draws up to `maxTokens` tokens from the target, and tells each as a round of its own while the next ones are computed.
 * A token is drawn by the uniform of its output position, as a round without a draft would draw it. Leaving the iteration
 * stops the target.
 */
export async function* runPlainRounds(
  setup: Pick<RoundSetup, 'target' | 'sampling' | 'seed' | 'isEnd' | 'signal' | 'drafter'>,
  { tokens, outputPosition }: Pick<RoundStart, 'tokens' | 'outputPosition'>,
  maxTokens: number,
  isSettling?: boolean,
): AsyncGenerator<readonly RoundResult[], void, undefined> {
  const { target, sampling, seed, isEnd, signal } = setup;
  const isPlain = setup.drafter !== undefined;
  let last = performance.now();
  const numTokens = Math.min(maxTokensPerCall, maxTokens);
  const uniforms =
    sampling.temperature === 0
      ? undefined
      : Float64Array.from({ length: numTokens }, (_, index) =>
          uniform(seed, Purpose.target, outputPosition + index),
        );
  const stopAtEnd = isEnd !== undefined;
  const portions = target.extend!(tokens.at(-1)!, { numTokens, uniforms, stopAtEnd, signal });
  for await (const portion of portions) {
    const numTold = portion.tokens.length;
    const record = undraftedRound({
      isPlain,
      ...(isSettling === true && { isSettling }),
      draftMs: 0,
      decodeMs: portion.decodeMs / numTold,
      verifyMs: portion.samplingMs / numTold,
      roundMs: (portion.toldAt - last) / numTold,
    });
    last = portion.toldAt;
    yield Array.from(portion.tokens, (token, index) => ({
      tokens: [token],
      nextTokenKind: 'bonus',
      probability: portion.probabilities[index],
      record,
    }));
  }
}
