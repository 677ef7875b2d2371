// Where the rounds of speculative decoding start along a given text. Knows nothing of rules or models.
import { sum } from 'simple-statistics';

/** Expected rounds of a text. */
export interface RoundsAlongText {
  /** [numStarts]: the probability that a round starts at this token. */
  readonly starts: Float64Array;
  /** Their sum. */
  readonly rounds: number;
  /** Draft tokens accepted in all rounds. */
  readonly acceptedTokens: number;
  /** [longest]: the share of rounds that accept at least 1, 2, ... tokens. */
  readonly survival: readonly number[];
}

/**
 * Rounds along a text: one starts at its first token, and one that accepts n tokens is followed by one n + 1 tokens on.
 * With survivals given the text this is exact: rounds use uniforms of their own, so that what one accepts of the text does
 * not depend on the rounds before. The mean acceptance length is `1 + acceptedTokens / rounds`; a mean over all positions
 * would be another one, because rounds start where the one before failed.
 * @param numStarts   tokens of the text at which a round may start; what rounds accept beyond counts
 * @param survivalAt  [1 + longest], falling from 1: the probability that a round from this token accepts at least i tokens
 */
export function roundsAlongText(
  numStarts: number,
  survivalAt: (start: number) => ArrayLike<number>,
): RoundsAlongText {
  const starts = new Float64Array(numStarts);
  const reached: number[] = [];
  if (numStarts > 0) starts[0] = 1;
  for (let start = 0; start < numStarts; start++) {
    const share = starts[start]!;
    const survival = survivalAt(start);
    for (let accepted = 0; accepted < survival.length; accepted++) {
      reached[accepted] = (reached[accepted] ?? 0) + share * survival[accepted]!;
      const next = start + accepted + 1;
      if (next < numStarts) starts[next]! += share * (survival[accepted]! - (survival[accepted + 1] ?? 0));
    }
  }
  const rounds = sum(Array.from(starts));
  return {
    starts,
    rounds,
    acceptedTokens: sum(reached.slice(1)),
    survival: reached.slice(1).map((mass) => mass / rounds),
  };
}
