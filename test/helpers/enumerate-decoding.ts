// Every way in which whole texts are decoded, by running the real rules. Knows nothing of the addon.
import type { TokenId } from '../../src/types.js';
import type { WeightedDraft } from './enumerate-drafts.js';
import { roundOutcomes, type Rule } from './output-law.js';
import type { TableModel } from './table-model.js';

/** Expected counts of the rounds of a text. */
export interface ExpectedRounds {
  readonly rounds: number;
  readonly acceptedTokens: number;
  /** Recovered tokens among those of the text. */
  readonly rejections: number;
}

/** A model after a history. */
export function after(model: TableModel, history: readonly TokenId[]): TableModel {
  return { vocabSize: model.vocabSize, next: (more) => model.next([...history, ...more]) };
}

/**
 * Runs rounds until `numTokens` are there, over all drafts and uniforms.
 * @param draftsAfter  all drafts after a history
 */
export function enumerateDecoding(
  rule: Rule,
  target: TableModel,
  draftsAfter: (history: readonly TokenId[]) => readonly WeightedDraft[],
  numTokens: number,
): ExpectedRounds {
  const visit = (history: readonly TokenId[]): ExpectedRounds => {
    let [rounds, acceptedTokens, rejections] = [0, 0, 0];
    if (history.length >= numTokens) return { rounds, acceptedTokens, rejections };
    for (const outcome of roundOutcomes(rule, after(target, history), draftsAfter(history))) {
      const text = [...history, ...outcome.tokens];
      const rest = visit(text);
      const isRejected = outcome.isRecovered && text.length <= numTokens;
      rounds += outcome.probability * (1 + rest.rounds);
      acceptedTokens += outcome.probability * (outcome.numAccepted + rest.acceptedTokens);
      rejections += outcome.probability * (Number(isRejected) + rest.rejections);
    }
    return { rounds, acceptedTokens, rejections };
  };
  return visit([]);
}
