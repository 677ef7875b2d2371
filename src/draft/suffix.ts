// Drafts a tree of what followed contexts like this one. Knows nothing of the target, and needs no model.
import type { TokenId } from '../types.js';
import { BackoffCounts } from './backoff-counts.js';
import { growBestFirst } from './best-first.js';
import type { Draft, Drafter, DraftRequest } from './drafter.js';

/** Options of {@link SuffixDrafter}. */
export interface SuffixOptions {
  /** Tokens drafted in a round at most, default 16. */
  readonly maxNodes?: number | undefined;
  /** Leaves of a tree at most, default as many as nodes. */
  readonly maxLeaves?: number | undefined;
  /** Least probability of a node to be reached, default 0.005; below it nothing is drafted. */
  readonly minProbability?: number | undefined;
  /** Tokens remembered, a power of two, default 262144; older ones are forgotten. 64 bytes each. */
  readonly maxTokens?: number | undefined;
}

/**
 * Proposes the tree that is likeliest by the counts of prompt and output: the node with the most probable path, again and
 * again, each node's children being what followed the text and its path before.
 *
 * @see Oliaro et al., SuffixDecoding, arXiv:2411.04975 (departures: the paper takes all of a tree from the
 *      occurrences of one suffix, chosen by its sum of probabilities, and lets it have a node for each token of the match;
 *      here every node looks up its own context, probabilities of longer and shorter suffixes are joined as
 *      {@link BackoffCounts} says, and the budget is the same in every round. On Spec-Bench's answers that brings 2.18
 *      tokens a round, the paper's rule 1.66, or 1.96 with the same budget)
 * Cost: O(maxNodes * (number of orders) * (occurrences counted)) a round, whatever the length of the text.
 */
export class SuffixDrafter implements Drafter {
  readonly name = 'suffix';
  readonly siblings = 'deterministic';
  readonly hasDraftProbs = false;
  readonly maxNodes: number;
  readonly maxLeaves: number;
  readonly adaptsShape = false;
  readonly isWeightless = true;
  readonly #counts: BackoffCounts;
  readonly #minProbability: number;
  /** First tokens that the index is known to hold. */
  #agreed = 0;

  constructor(options: SuffixOptions = {}) {
    const { maxNodes = 16, maxLeaves = maxNodes, minProbability = 0.005, maxTokens = 2 ** 18 } = options;
    this.maxNodes = maxNodes;
    this.maxLeaves = maxLeaves;
    this.#minProbability = minProbability;
    this.#counts = new BackoffCounts(maxTokens, maxNodes);
  }

  /** Bytes of what is remembered. */
  get numBytes(): number {
    return this.#counts.index.numBytes;
  }

  async begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#follow(prompt, 0);
  }

  async draft({ tokens, maxNodes, signal }: DraftRequest): Promise<Draft> {
    signal?.throwIfAborted();
    this.#follow(tokens, this.#agreed);
    this.#counts.refresh(this.#minProbability);
    const next = (path: readonly TokenId[], least: number) => this.#counts.after(path, least);
    return growBestFirst(Math.min(maxNodes, this.maxNodes), this.#minProbability, next, this.maxLeaves);
  }

  /** The output comes with the next request. */
  accept(): void {}

  /** What the next request holds again need not be learnt again. */
  rollback(length: number): void {
    this.#agreed = Math.min(this.#agreed, length);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #follow(tokens: ArrayLike<TokenId>, agreed: number): void {
    this.#counts.index.follow(tokens, agreed);
    this.#agreed = tokens.length;
  }
}
