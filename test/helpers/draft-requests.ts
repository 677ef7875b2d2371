import type { DraftRequest } from '../../src/draft/drafter.js';
import type { TokenId } from '../../src/types.js';

/** A request of a verifier that needs no draft probabilities, with room for all that a drafter proposes. */
export function requestFor(tokens: ArrayLike<TokenId>, change: Partial<DraftRequest> = {}): DraftRequest {
  return {
    tokens: Int32Array.from(tokens),
    maxNodes: 255,
    sampling: {},
    needsDraftProbs: false,
    uniform: () => 0,
    ...change,
  };
}
