// How much of a chain is accepted, by ratios that go from token to token. Knows nothing of how a rule decides.
import type { TokenId } from '../types.js';
import { probabilityOf } from '../sampling/distribution.js';
import { acceptanceProbability, jointRatio } from './acceptance-ratios.js';
import type { NextTokenLaw } from './next-token-law.js';

/** Rules for chains whose acceptance has a closed form. */
export type ChainRule = 'rejection' | 'block';

/**
 * The probability that at least i draft tokens are accepted, given the first i, from the one for i - 1:
 * `P min(1, p / q)` token by token, `min(1, P p / q)` in a block.
 */
const carry: Record<ChainRule, (ratio: number, target: number, draft: number) => number> = {
  rejection: (ratio, target, draft) => ratio * acceptanceProbability(target, draft),
  block: jointRatio,
};

/**
 * Expected accepted tokens of a chain of `length` draft tokens: `sum over i of E_q[P_i]`. Block verification accepts no
 * less than rejection, because `min(1, a b) >= min(1, a) min(1, b)`.
 * @see Sun et al., arXiv:2403.10444; Leviathan et al., arXiv:2211.17192
 * Cost: O(vocabSize^length): every chain is visited.
 */
export function expectedAcceptedTokens(
  rule: ChainRule,
  target: NextTokenLaw,
  draft: NextTokenLaw,
  length: number,
): number {
  const visit = (history: readonly TokenId[], ratio: number): number => {
    if (history.length === length) return 0;
    const [targetProbs, { ids, probs }] = [target(history), draft(history)];
    return ids.reduce((sum, token, index) => {
      const next = carry[rule](ratio, probabilityOf(targetProbs, token), probs[index]!);
      return sum + probs[index]! * (next + visit([...history, token], next));
    }, 0);
  };
  return visit([], 1);
}

/**
 * The probability, given the text that came out, that a round accepted at least its first i tokens of it, for every i.
 *
 * A round accepts at least i tokens, namely x_1..x_i, with probability `q(x_1..x_i) P_i`, and ends after exactly i of them
 * with a token y with `q(x_1..x_i) (P_i p(y) - q(y))+`, or `(p - q)+` token by token. Both rules are lossless, so the text has
 * probability `p(x_1..x_i) p(y)` in all. Dividing leaves, along the ratios `r = q / p` of the text's own tokens,
 * `W_i = W_{i-1} min(1, r_i)` token by token and `W_i = min(W_{i-1}, r_1 ... r_i)` in a block; exactly i are accepted with
 * `W_i - W_{i+1}`, and the whole chain with `W_k`.
 * @param ratios  q / p of the text's tokens from the start of the round on, [at least length]
 * @returns [length + 1], falling from 1
 */
export function survivalAlongText(rule: ChainRule, ratios: ArrayLike<number>, length: number): Float64Array {
  const survival = new Float64Array(length + 1).fill(1);
  let product = 1;
  for (let index = 0; index < length; index++) {
    product *= ratios[index]!;
    survival[index + 1] =
      rule === 'block' ? Math.min(survival[index]!, product) : survival[index]! * Math.min(1, ratios[index]!);
  }
  return survival;
}
