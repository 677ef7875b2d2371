// The best that any multi-draft rule can accept, by linear program: the oracle of the search over prefixes.
import { solve } from 'yalps';
import { probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import type { TokenId } from '../../src/types.js';

/** Siblings that may be drawn together, and how likely. */
export interface WeightedSiblings {
  readonly tokens: readonly TokenId[];
  readonly probability: number;
}

/**
 * The largest probability, over all couplings of the siblings with a token of law `targetProbs`, that the token is among
 * them: one flow from each set of siblings to each of its tokens, within both laws.
 * @see Hu et al., arXiv:2502.18779, sec. 3
 */
export function optimalByLinearProgram(
  targetProbs: Distribution,
  siblings: readonly WeightedSiblings[],
): number {
  const variables: [string, [string, number][]][] = siblings.flatMap(({ tokens }, index) =>
    [...new Set(tokens)].map((token): [string, [string, number][]] => [
      `${index}:${token}`,
      [
        ['accepted', 1],
        [`siblings ${index}`, 1],
        [`token ${token}`, 1],
      ],
    ]),
  );
  const limits: [string, { max: number }][] = [
    ...siblings.map(({ probability }, index): [string, { max: number }] => [
      `siblings ${index}`,
      { max: probability },
    ]),
    ...new Map(
      siblings
        .flatMap(({ tokens }) => tokens)
        .map((token): [string, { max: number }] => [
          `token ${token}`,
          { max: probabilityOf(targetProbs, token) },
        ]),
    ),
  ];
  const { status, result } = solve(
    { direction: 'maximize', objective: 'accepted', constraints: limits, variables },
    { precision: 1e-12, maxPivots: 100_000 },
  );
  if (status !== 'optimal') throw new Error(`The linear program is ${status}`);
  return result;
}
