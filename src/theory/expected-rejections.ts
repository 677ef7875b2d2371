// How often token-wise speculative decoding rejects. Knows nothing of models: laws come in as functions.
import { totalVariation } from '../sampling/residual.js';
import { forEachPrefix, type NextTokenLaw } from './next-token-law.js';

/**
 * Expected rejections in `numTokens` output tokens when rounds never run out of draft tokens: the sum over positions of the
 * expected total variation distance along the target's own text. No lossless rule that accepts or rejects token by token
 * has fewer.
 * @see Yin et al., arXiv:2411.00841, theorems 1 and 2
 * Cost: O(vocabSize^numTokens): every text is visited.
 */
export function expectedRejections(target: NextTokenLaw, draft: NextTokenLaw, numTokens: number): number {
  let total = 0;
  forEachPrefix(target, numTokens, (history, probability) => {
    total += probability * totalVariation(target(history), draft(history));
  });
  return total;
}
