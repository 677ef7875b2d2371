// Models as functions from a history to the law of the next token. Knows nothing of what computes them.
import type { Distribution } from '../sampling/distribution.js';
import type { TokenId } from '../types.js';

/** The law of the token after a history. */
export type NextTokenLaw = (history: readonly TokenId[]) => Distribution;

/** Calls back for every text of fewer than `numTokens` tokens with its probability under `law`. Cost: O(vocabSize^numTokens). */
export function forEachPrefix(
  law: NextTokenLaw,
  numTokens: number,
  visit: (history: readonly TokenId[], probability: number) => void,
): void {
  const walk = (history: readonly TokenId[], probability: number): void => {
    if (history.length >= numTokens) return;
    visit(history, probability);
    const { ids, probs } = law(history);
    ids.forEach((token, index) => walk([...history, token], probability * probs[index]!));
  };
  walk([], 1);
}
