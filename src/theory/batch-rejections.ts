// How often speculative decoding with several drafts a round rejects. Knows nothing of models: laws come in as functions.
import { residualWeights } from '../sampling/residual.js';
import type { TokenId } from '../types.js';
import type { NextTokenLaw } from './next-token-law.js';
import { rootRejection } from './root-rejection.js';

/**
 * Expected rejections in `numTokens` output tokens when each round drafts `numDrafts` independent continuations without
 * end, tries their first tokens one after the other, and follows the accepted one alone.
 *
 * With `P(c)` the target's probability of a text and `f(c)` that of writing it with a rejection at its last token (or none
 * of it, `f() = 1`), which is where a round starts:
 * `f(c x) = f(c) R_M(c) p^{M+1}(x | c) + (P(c) - f(c)) (p - q)+(x | c)`, and each c adds `f(c) R_M(c) + (P(c) - f(c)) TV(c)`.
 * With one draft that is the sum of total variations. It falls with the drafts but not to 0: only tokens after a rejection
 * have several.
 * @param numDrafts  M, at least 1; Infinity for the limit
 * @see Yin et al., arXiv:2411.00841, theorem 3 (departure: the recursion of f is written out)
 * Cost: O(vocabSize^numTokens): every text is visited.
 */
export function expectedBatchRejections(
  target: NextTokenLaw,
  draft: NextTokenLaw,
  { numTokens, numDrafts }: { readonly numTokens: number; readonly numDrafts: number },
): number {
  const visit = (history: readonly TokenId[], reached: number, starts: number): number => {
    if (history.length === numTokens) return 0;
    const [targetProbs, draftProbs] = [target(history), draft(history)];
    const root = rootRejection(targetProbs, draftProbs, numDrafts);
    const { weights, mass } = residualWeights(targetProbs, draftProbs);
    const next = new Map<TokenId, number>();
    const add = (token: TokenId, share: number): void => void next.set(token, (next.get(token) ?? 0) + share);
    root.recovered.ids.forEach((token, index) =>
      add(token, starts * root.probability * root.recovered.probs[index]!),
    );
    weights.ids.forEach((token, index) => add(token, (reached - starts) * weights.probs[index]!));
    let total = starts * root.probability + (reached - starts) * mass;
    targetProbs.ids.forEach((token, index) => {
      total += visit([...history, token], reached * targetProbs.probs[index]!, next.get(token) ?? 0);
    });
    return total;
  };
  return visit([], 1, 1);
}
