// What a method for chains accepts, from the target's own text alone. Knows nothing of costs.
import { survivalAlongText, type ChainRule } from '../../theory/chain-acceptance.js';
import { roundsAlongText, type RoundsAlongText } from '../../theory/rounds-along-text.js';
import type { PositionFacts, Trace } from './trace.js';

/** Expected rounds of a text, and what they drafted and spent. */
export interface PredictedRounds extends RoundsAlongText {
  readonly draftTokens: number;
  /** Rounds that end with a rejection, as `isRejection` has it. */
  readonly rejections: number;
  /** Expected rounds by the draft tokens that they have. */
  readonly roundsBySize: ReadonlyMap<number, number>;
  /** Total variation distance that a lossy rule spends, summed over positions. */
  readonly bias: number;
}

/**
 * How rules for chains survive along a text, by their names. Exact for lossless rules. `match` drafts the likeliest token,
 * which the text either has or has not.
 */
const alongText: Readonly<Record<string, { rule: ChainRule; ratio: (facts: PositionFacts) => number }>> = {
  rejection: { rule: 'rejection', ratio: ({ ratio }) => ratio },
  recursive: { rule: 'rejection', ratio: ({ ratio }) => ratio },
  block: { rule: 'block', ratio: ({ ratio }) => ratio },
  traversal: { rule: 'block', ratio: ({ ratio }) => ratio },
  match: { rule: 'rejection', ratio: ({ isDraftTop }) => Number(isDraftTop) },
  naive: { rule: 'rejection', ratio: ({ isDraftTop }) => Number(isDraftTop) },
  'k-seq': { rule: 'rejection', ratio: ({ ratio }) => ratio },
  'greedy-multi-draft': { rule: 'rejection', ratio: ({ ratio }) => ratio },
};

/** Names of the rules that {@link predictChain} knows. */
export const chainRules: ReadonlySet<string> = new Set(Object.keys(alongText));

/** Names of the rules that accept each token of a chain, or reject it, by p and q of this token alone. */
export const tokenWiseRules: ReadonlySet<string> = new Set([
  ...['rejection', 'recursive', 'k-seq', 'greedy-multi-draft', 'pareto'],
]);

/**
 * Rounds that do not accept their whole chain end with a rejection.
 * @param length  draft tokens of a round, at most the trace's lookahead
 */
export function predictChain({ facts, numStarts }: Trace, rule: string, length: number): PredictedRounds {
  const method = alongText[rule]!;
  const ratios = facts.map(method.ratio);
  const rounds = roundsAlongText(numStarts, (start) =>
    survivalAlongText(method.rule, ratios.slice(start, start + length), length),
  );
  const whole = rounds.survival.at(-1) ?? 1;
  return {
    ...{ ...rounds, draftTokens: rounds.rounds * length, rejections: rounds.rounds * (1 - whole), bias: 0 },
    roundsBySize: new Map([[length, rounds.rounds]]),
  };
}
