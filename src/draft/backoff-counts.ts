// Next-token probabilities from counts of what followed before. Knows nothing of trees or drafts.
import type { TokenId } from '../types.js';
import type { NextToken } from './best-first.js';
import { addDiscounted } from './discounting.js';
import { NgramIndex } from './ngram-index.js';

/** Orders of n-grams that are counted. */
const orders: readonly number[] = [1, 2, 4, 8, 16];
const maxOrder = orders.at(-1)!;
/** Latest occurrences that are counted for an order. */
const maxOccurrences = 64;
/** Latest tokens that are counted regardless of what they followed. */
const numRecentTokens = 512;
/** Shorter orders are left out once all of their weight is so small a part of the least probability asked for. */
const negligible = 1 / 8;

/**
 * Counts of what followed n-grams, and the probabilities that follow from them: those of the longest order that is known,
 * each count less a discount, and what the discounts leave to the next shorter order, down to the frequency of tokens.
 *
 * @see Chen and Goodman, An Empirical Study of Smoothing Techniques for Language Modeling, 1998, sec. 3 (modified
 *      Kneser-Ney; departures: counts of the latest occurrences, not of all; discounts by order, not estimated; an order
 *      whose occurrences are those of a longer one is passed over; plain counts in the shorter orders)
 */
export class BackoffCounts {
  readonly index: NgramIndex;
  /** The end of the text, and room for a path. */
  readonly #context: Int32Array;
  #contextLength = 0;
  readonly #recent = new Map<TokenId, number>();
  #numRecent = 0;
  /** Of the recent tokens those that may be proposed for their frequency alone, most frequent first. */
  #frequent: (readonly [TokenId, number])[] = [];

  /**
   * @param maxTokens  tokens remembered, a power of two
   * @param maxPath    tokens that may be imagined after the text
   */
  constructor(maxTokens: number, maxPath: number) {
    this.index = new NgramIndex(orders, maxTokens);
    this.#context = new Int32Array(maxOrder + maxPath);
  }

  /**
   * Takes note of the end of the text; to be called when it has changed.
   * @param least  least probability that will be asked for
   */
  refresh(least: number): void {
    const { start, length } = this.index;
    const from = Math.max(start, length - numRecentTokens);
    this.#recent.clear();
    for (let position = from; position < length; position++) count(this.#recent, this.index.at(position));
    this.#numRecent = length - from;
    this.#frequent = [...this.#recent]
      .filter(([, number]) => number >= least * this.#numRecent)
      .sort(([, one], [, other]) => other - one);
    this.#contextLength = Math.min(maxOrder, length - start);
    for (let back = 1; back <= this.#contextLength; back++)
      this.#context[this.#contextLength - back] = this.index.at(length - back);
  }

  /**
   * Probabilities of what comes after the text and `path`; tokens less likely than `least` may be missing, and the others
   * be off by an eighth of it.
   */
  after(path: readonly TokenId[], least: number): NextToken[] {
    this.#context.set(path, this.#contextLength);
    const length = this.#contextLength + path.length;
    const probabilities = new Map<TokenId, number>();
    let weight = 1;
    let longerTotal = 0;
    for (let level = orders.length - 1; level >= 0 && weight > negligible * least; level--) {
      const { counts, total } = this.#followers(level, length);
      if (total === 0 || (total === longerTotal && total < maxOccurrences)) continue;
      longerTotal = total;
      weight = addDiscounted(probabilities, weight, orders[level]!, counts, total);
    }
    if (weight > negligible * least) this.#addFrequencies(probabilities, weight, least);
    return Array.from(probabilities, ([token, confidence]) => ({ token, confidence }));
  }

  /** Adds `weight` times the frequencies of tokens; of those that nothing else speaks for, only of the frequent ones. */
  #addFrequencies(probabilities: Map<TokenId, number>, weight: number, least: number): void {
    const scale = weight / this.#numRecent;
    for (const [token, probability] of probabilities)
      probabilities.set(token, probability + scale * (this.#recent.get(token) ?? 0));
    for (const [token, number] of this.#frequent) {
      if (scale * number < least) return;
      if (!probabilities.has(token)) probabilities.set(token, scale * number);
    }
  }

  /** What followed the last tokens of the context. */
  #followers(level: number, contextLength: number) {
    const counts = new Map<TokenId, number>();
    let total = 0;
    let position = this.index.find(level, this.#context, contextLength);
    // Nothing has followed the end of the text yet.
    if (position === this.index.length - 1) position = this.index.before(level, position);
    while (position >= 0 && total < maxOccurrences) {
      count(counts, this.index.at(position + 1));
      total++;
      position = this.index.before(level, position);
    }
    return { counts, total };
  }
}

function count(counts: Map<TokenId, number>, token: TokenId): void {
  counts.set(token, (counts.get(token) ?? 0) + 1);
}
