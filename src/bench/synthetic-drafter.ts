// Drafts that are accepted as often as is asked for, because the answer is known. Knows nothing of models.
import type { Draft, Drafter, DraftRequest } from '../draft/drafter.js';
import { Purpose, uniform } from '../sampling/random.js';
import { TokenTree } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';

/**
 * Proposes chains of the tokens that plain decoding gave under the same seed, spoilt at random: a token at a depth is right
 * with the rate of that depth. Costs nothing, so that what is measured is the cost of verification at this acceptance: the
 * size of the win that a real drafter with these rates and no cost of its own would have. A rule that gives the tokens of
 * plain decoding under one seed, as `match` does, has to verify them.
 */
export class SyntheticDrafter implements Drafter {
  readonly name = 'synthetic';
  readonly siblings = 'deterministic';
  readonly hasDraftProbs = false;
  readonly maxLeaves = 1;
  readonly adaptsShape = false;
  readonly maxNodes: number;
  readonly #rates: readonly number[];
  readonly #vocabSize: number;
  /** Prompt and output of plain decoding. */
  #known: readonly TokenId[] = [];
  #draw = 0;

  /** @param rates  in [0, 1], by depth; deeper tokens have the last one's */
  constructor({
    rates,
    maxNodes,
    vocabSize,
  }: {
    rates: readonly number[];
    maxNodes: number;
    vocabSize: number;
  }) {
    this.#rates = rates;
    this.maxNodes = maxNodes;
    this.#vocabSize = vocabSize;
  }

  /** What the next generation will say. */
  foresee(tokens: readonly TokenId[]): void {
    this.#known = tokens;
  }

  async begin(): Promise<void> {}

  async draft({ tokens, maxNodes, signal }: DraftRequest): Promise<Draft> {
    signal?.throwIfAborted();
    const drafted: TokenId[] = [];
    for (let depth = 0; depth < Math.min(maxNodes, this.maxNodes); depth++) {
      const right = this.#known[tokens.length + depth];
      if (right === undefined) break;
      const rate = this.#rates[Math.min(depth, this.#rates.length - 1)]!;
      const isRight = uniform(0, Purpose.draft, this.#draw++) < rate;
      drafted.push(isRight ? right : (right + 1) % this.#vocabSize);
    }
    return { tree: TokenTree.chain(drafted) };
  }

  accept(): void {}

  rollback(): void {}

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
