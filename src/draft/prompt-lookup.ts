// Drafts what followed the last tokens before. Knows nothing of the target, and needs no model.
import { TokenTree } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';
import type { Draft, Drafter, DraftRequest } from './drafter.js';
import { FadingRates } from '../metrics/fading-rates.js';
import { NgramIndex } from './ngram-index.js';

/** Options of {@link PromptLookupDrafter}. */
export interface PromptLookupOptions {
  /** Tokens of the longest n-gram that is looked up, default 3. */
  readonly maxNgram?: number | undefined;
  /** Tokens drafted in a round, default 10. */
  readonly numDraft?: number | undefined;
  /** Tokens remembered, a power of two, default 262144; older ones are forgotten. */
  readonly maxTokens?: number | undefined;
}

/** Tries that the prior of a confidence stands for. */
const priorTries = 8;
/** Depths whose acceptance is told apart; later ones count as the last. */
const numDepths = 3;
/** Beyond so many tries old ones count less and less. */
const memory = 500;

/** Acceptance that is assumed before anything was seen, by n-gram length and depth: measured on Spec-Bench's answers. */
const priors: readonly (readonly number[])[] = [
  [0.25, 0.5, 0.68],
  [0.46, 0.63, 0.76],
  [0.68, 0.79, 0.88],
];

/** A draft that is waiting for its verdict. */
interface OpenDraft {
  readonly ngram: number;
  readonly copied: readonly TokenId[];
}

/**
 * Proposes the tokens that followed the last occurrence of the last n tokens, the longest n first.
 *
 * @see Saxena, Prompt Lookup Decoding, github.com/apoorvumang/prompt-lookup-decoding (departures: the latest occurrence is
 *      taken where the original takes the earliest; an occurrence so near the end that fewer than `numDraft` tokens follow
 *      is used, too, and the copy goes on into itself, where the original looks for a shorter n-gram; the text is indexed
 *      as it grows, where the original searches all of it in every round)
 * Cost: O(maxNgram + numDraft) a round and O(maxNgram) a token on average.
 */
export class PromptLookupDrafter implements Drafter {
  readonly name = 'prompt-lookup';
  readonly siblings = 'deterministic';
  readonly hasDraftProbs = false;
  readonly maxNodes: number;
  readonly maxLeaves = 1;
  readonly adaptsShape = false;
  readonly isWeightless = true;
  readonly #index: NgramIndex;
  readonly #maxNgram: number;
  readonly #rates: FadingRates;
  #agreed = 0;
  #open: OpenDraft | undefined;

  constructor({ maxNgram = 3, numDraft = 10, maxTokens = 2 ** 18 }: PromptLookupOptions = {}) {
    const orders = Array.from({ length: maxNgram }, (_, shorter) => shorter + 1);
    this.#index = new NgramIndex(orders, maxTokens);
    this.#maxNgram = maxNgram;
    this.maxNodes = numDraft;
    this.#rates = new FadingRates(maxNgram * numDepths, { priorTries, memory });
  }

  async begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#follow(prompt, 0);
  }

  async draft({ tokens, maxNodes, signal }: DraftRequest): Promise<Draft> {
    signal?.throwIfAborted();
    this.#follow(tokens, this.#agreed);
    const numDraft = Math.min(maxNodes, this.maxNodes);
    for (let ngram = Math.min(this.#maxNgram, tokens.length); ngram > 0 && numDraft > 0; ngram--) {
      const end = this.#index.before(ngram - 1, tokens.length - 1);
      if (end < 0) continue;
      const copied = this.#copy(end + 1, numDraft);
      this.#open = { ngram, copied };
      return {
        tree: TokenTree.chain(copied),
        confidences: Float64Array.from({ length: numDraft }, (_, depth) => this.#confidence(ngram, depth)),
      };
    }
    return { tree: TokenTree.chain([]) };
  }

  /** Learns how far the copy was right. */
  accept(tokens: readonly TokenId[]): void {
    if (this.#open === undefined) return;
    const { ngram, copied } = this.#open;
    this.#open = undefined;
    for (let depth = 0; depth < Math.min(tokens.length, copied.length); depth++) {
      const isRight = tokens[depth] === copied[depth];
      this.#rates.observe(cellOf(ngram, depth), isRight);
      if (!isRight) return;
    }
  }

  /** What the next request holds again need not be learnt again. */
  rollback(length: number): void {
    this.#agreed = Math.min(this.#agreed, length);
    this.#open = undefined;
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #follow(tokens: ArrayLike<TokenId>, agreed: number): void {
    this.#index.follow(tokens, agreed);
    this.#agreed = tokens.length;
    this.#open = undefined;
  }

  /** [numDraft]: the tokens from `from` on; those past the end are the copy's own first ones. */
  #copy(from: number, numDraft: number): number[] {
    const { length } = this.#index;
    const copied: number[] = [];
    for (let offset = 0; offset < numDraft; offset++) {
      const position = from + offset;
      copied.push(position < length ? this.#index.at(position) : copied[position - length]!);
    }
    return copied;
  }

  #confidence(ngram: number, depth: number): number {
    const prior = priors[Math.min(ngram, priors.length) - 1]![Math.min(depth, numDepths - 1)]!;
    return this.#rates.rate(cellOf(ngram, depth), prior);
  }
}

function cellOf(ngram: number, depth: number): number {
  return (ngram - 1) * numDepths + Math.min(depth, numDepths - 1);
}
