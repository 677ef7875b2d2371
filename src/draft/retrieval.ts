// Drafts what followed, in texts seen before, the tokens that end the context. Knows nothing of models.
import { TokenTree } from '../tree/token-tree.js';
import { requireInteger } from '../model/options.js';
import { continuationTree, type Continuations } from './continuation-tree.js';
import type { Datastore, Match } from './datastore.js';
import { longestContinuation, longestMatch } from './datastore-format.js';
import type { Draft, Drafter, DraftRequest } from './drafter.js';

/** Options of a {@link RetrievalDrafter}. */
export interface RetrievalOptions {
  /** Tokens a suffix of the context has at most, in [1, 32], default 16. */
  readonly longestMatch?: number | undefined;
  /** Tokens below which a match is not worth a draft, default 1. */
  readonly shortestMatch?: number | undefined;
  /** Matches looked at, default 128; spread evenly where there are more. */
  readonly maxMatches?: number | undefined;
  /** Tokens read after each match, in [1, 32], default 10. */
  readonly continuationLength?: number | undefined;
  /** Nodes of a tree, default 64. */
  readonly maxNodes?: number | undefined;
  /** Leaves of a tree, default 16. */
  readonly maxLeaves?: number | undefined;
}

/**
 * Finds the longest suffix of the context in a datastore, and shorter ones where it is rare, takes what follows them in up
 * to `maxMatches` places, and drafts the likeliest beginnings of these continuations. Deterministic; owns the datastore.
 *
 * @see He et al., REST, arXiv:2311.08252, sec. 3 (departures: suffixes are sorted backwards, so that one search finds the
 * longest match where the paper tries each length from 16 down; counts of a rare match are discounted and joined with those
 * of matches half as long, where the paper takes the counts of the longest one as they are: on Spec-Bench's answers, beside
 * suffix and prompt lookup, that brings 2.41 instead of 2.38 tokens a round; 128 places instead of 5000, spread over all
 * matches, since each costs a page read where the paper's index is in memory; leaves are bounded), and the long-term
 * datastore of READER, arXiv:2508.09072 (its short-term trie over the context is the prompt-lookup and suffix drafters' work)
 * Cost of a draft: O(log(longestMatch) * (chunks * log n + maxMatches)) page reads, those that are not in the datastore's
 * cache from the disk.
 */
export class RetrievalDrafter implements Drafter {
  readonly name = 'retrieval';
  readonly siblings = 'deterministic';
  readonly hasDraftProbs = false;
  readonly adaptsShape = false;
  readonly isWeightless = true;
  readonly maxNodes: number;
  readonly maxLeaves: number;
  readonly #datastore: Datastore;
  readonly #longestMatch: number;
  readonly #shortestMatch: number;
  readonly #maxMatches: number;
  readonly #continuationLength: number;

  /** @throws {RangeError} when an option is out of range */
  constructor(datastore: Datastore, options: RetrievalOptions = {}) {
    this.#datastore = datastore;
    this.#longestMatch = requireInteger('longestMatch', options.longestMatch ?? 16, 1, longestMatch);
    this.#shortestMatch = requireInteger('shortestMatch', options.shortestMatch ?? 1, 1, this.#longestMatch);
    this.#maxMatches = requireInteger('maxMatches', options.maxMatches ?? 128, 1);
    const length = options.continuationLength ?? 10;
    this.#continuationLength = requireInteger('continuationLength', length, 1, longestContinuation);
    this.maxNodes = requireInteger('maxNodes', options.maxNodes ?? 64, 1);
    this.maxLeaves = requireInteger('maxLeaves', options.maxLeaves ?? Math.min(16, this.maxNodes), 1);
  }

  async begin(): Promise<void> {}

  /** @throws {DatastoreError} when the datastore cannot be read any more */
  async draft({ tokens, maxNodes, signal }: DraftRequest): Promise<Draft> {
    signal?.throwIfAborted();
    const match =
      maxNodes > 0
        ? this.#datastore.longestMatch(tokens, this.#shortestMatch, this.#longestMatch)
        : undefined;
    if (match === undefined) return { tree: new TokenTree([], []), confidences: new Float64Array(0) };
    return continuationTree(this.#matches(match, tokens), {
      maxNodes: Math.min(maxNodes, this.maxNodes),
      maxLeaves: this.maxLeaves,
    });
  }

  accept(): void {}

  rollback(): void {}

  async dispose(): Promise<void> {
    this.#datastore.close();
  }

  /** What followed the longest match and those half as long, until there are places enough; longest first. */
  #matches(longest: Match, tokens: Int32Array): Continuations[] {
    const matches: Continuations[] = [];
    for (let match = longest; ; match = this.#datastore.matchOf(tokens, match.length >> 1)) {
      matches.push({ matchLength: match.length, continuations: this.#continuations(match) });
      if (match.numPlaces >= this.#maxMatches || match.length >> 1 < this.#shortestMatch) return matches;
    }
  }

  #continuations(match: Match): number[][] {
    const numTaken = Math.min(match.numPlaces, this.#maxMatches);
    return Array.from({ length: numTaken }, (_, index) => {
      const place = Math.floor(((index + 0.5) * match.numPlaces) / numTaken);
      return this.#datastore.continuation(match, place, this.#continuationLength);
    });
  }
}
