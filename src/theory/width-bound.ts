// What width can bring at most. Knows nothing of trees.

/**
 * The leading term of the bound on the tokens a round can bring however large its tree:
 * `(mu + mu2) ln P / mu^2`, so that width buys tokens only by its logarithm; the bound adds a constant.
 * @param entropy       mu, in nats: mean of `-ln p` of the target's next tokens, above 0
 * @param secondMoment  mu2, in nats squared: mean of `(ln p)^2`
 * @param capacity      P: tokens of a verification batch, at least 1
 * @see Pankratov and Alistarh, arXiv:2512.11718, abstract (the constant is not in it)
 */
export function widthBound(entropy: number, secondMoment: number, capacity: number): number {
  return ((entropy + secondMoment) * Math.log(capacity)) / entropy ** 2;
}
