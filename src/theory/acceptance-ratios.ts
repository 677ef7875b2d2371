// The ratios that acceptance rules are made of. Knows nothing of rules or trees.

/**
 * The probability of accepting a draft token, `min(1, p / q)`; 0 for a token its drafter cannot have drawn.
 * @param targetProbability  p of the token, in [0, 1]
 * @param draftProbability   q of the token, in [0, 1]
 * @see Leviathan et al., arXiv:2211.17192, sec. 2.3
 */
export function acceptanceProbability(targetProbability: number, draftProbability: number): number {
  return jointRatio(1, targetProbability, draftProbability);
}

/**
 * The joint ratio of a path once a token is added, `min(1, P p / q)`; 0 for a token its drafter cannot have drawn.
 * @param ratio  `P` of the path before, in [0, 1]
 * @see Sun et al., arXiv:2403.10444, eq. 4
 */
export function jointRatio(ratio: number, targetProbability: number, draftProbability: number): number {
  return draftProbability > 0 ? Math.min(1, (ratio * targetProbability) / draftProbability) : 0;
}
