// Tokens a round brings when acceptance does not depend on the text. Knows nothing of costs.

/**
 * Expected tokens of a round with a chain of `length` draft tokens, each accepted with the same probability:
 * `(1 - a^(g+1)) / (1 - a)`, the recovered or bonus token included.
 * @param acceptance  a, in [0, 1]
 * @see Leviathan et al., arXiv:2211.17192, eq. 1
 */
export function expectedChainTokens(acceptance: number, length: number): number {
  if (acceptance === 1) return length + 1;
  return (1 - acceptance ** (length + 1)) / (1 - acceptance);
}

/**
 * Expected tokens of a round by measured acceptance: 1 plus the sum of the survivals up to `length`.
 * @param survival  [longest]: the share of rounds that accept at least 1, 2, ... tokens; 0 beyond
 */
export function expectedTokensBySurvival(survival: readonly number[], length: number): number {
  return survival.slice(0, length).reduce((total, share) => total + share, 1);
}
