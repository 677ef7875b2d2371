import { probabilityOf } from '../../src/sampling/distribution.js';
import { Purpose, uniform } from '../../src/sampling/random.js';
import type { TokenId } from '../../src/types.js';
import type { Verdict, Verifier } from '../../src/verify/verifier.js';
import type { WeightedDraft } from './enumerate-drafts.js';
import { enumerateVerdicts, targetRows, type Breakpoints } from './enumerate-round.js';
import type { TableModel } from './table-model.js';

/** A rule with what the enumeration needs to know of it. */
export interface Rule {
  readonly verifier: Verifier;
  readonly breakpoints: Breakpoints;
}

/** One way a round can end: what it emits, how much of that was drafted, and how likely it is. */
export interface RoundOutcome {
  readonly tokens: readonly TokenId[];
  readonly numAccepted: number;
  readonly isRecovered: boolean;
  readonly probability: number;
}

/** Every outcome of one round over all drafts and all uniforms. */
export function roundOutcomes(
  { verifier, breakpoints }: Rule,
  target: TableModel,
  drafts: readonly WeightedDraft[],
): RoundOutcome[] {
  return drafts.flatMap(({ tree, draftProbs, probability: draftProbability }) => {
    const targetProbs = targetRows(tree, (history) => target.next(history));
    const verdicts = enumerateVerdicts(verifier, { tree, draftProbs, targetProbs }, breakpoints);
    return verdicts.map(({ verdict, probability }) => ({
      tokens: [...verdict.acceptedNodes.map((node) => tree.tokens[node]!), verdict.nextToken],
      numAccepted: verdict.acceptedNodes.length,
      isRecovered: verdict.nextTokenKind === 'recovered',
      probability: draftProbability * probability,
    }));
  });
}

/**
 * Largest difference, over all n-grams one longer than the deepest draft, between the law of the output (the round,
 * then the target on its own) and the target's law.
 */
export function lawError(rule: Rule, target: TableModel, drafts: readonly WeightedDraft[]): number {
  const length = 1 + Math.max(...drafts.map(({ tree }) => tree.maxDepth));
  const difference = new Float64Array(target.vocabSize ** length);
  addContinuations(difference, target, [], length, -1);
  for (const { tokens, probability } of roundOutcomes(rule, target, drafts)) {
    addContinuations(difference, target, tokens, length, probability);
  }
  return difference.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

/** Mean number of accepted draft tokens of a round. */
export function expectedAccepted(rule: Rule, target: TableModel, drafts: readonly WeightedDraft[]): number {
  return roundOutcomes(rule, target, drafts).reduce(
    (total, { numAccepted, probability }) => total + numAccepted * probability,
    0,
  );
}

function addContinuations(
  law: Float64Array,
  target: TableModel,
  tokens: readonly TokenId[],
  length: number,
  probability: number,
): void {
  if (tokens.length === length) {
    law[tokens.reduce((code, token) => code * target.vocabSize + token, 0)]! += probability;
    return;
  }
  const row = target.next(tokens);
  for (const token of row.ids) {
    addContinuations(law, target, [...tokens, token], length, probability * probabilityOf(row, token));
  }
}

/** Verdicts of a rule on every draft, each for a few uniforms. */
export function verdictsOn(
  { verifier }: Rule,
  target: TableModel,
  drafts: readonly WeightedDraft[],
  numUniforms = 5,
): Verdict[] {
  return drafts.flatMap(({ tree, draftProbs }, index) =>
    Array.from({ length: numUniforms }, (_, turn) =>
      verifier.verify({
        tree,
        draftProbs,
        targetProbs: targetRows(tree, (history) => target.next(history)),
        uniforms: {
          accept: Float64Array.from(tree.tokens, (__, node) => uniform(turn, Purpose.accept, index, node)),
          sample: Float64Array.from({ length: tree.maxDepth + 1 }, (__, depth) =>
            uniform(turn, Purpose.target, index, depth),
          ),
        },
      }),
    ),
  );
}
