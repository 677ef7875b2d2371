// Drafts a tree of what the target found likely after the same tokens before. Knows nothing of the text, and needs no model.
import { ROOT, type NodeIndex, type TokenTree } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';
import { growBestFirst, type NextToken } from './best-first.js';
import type { Draft, Drafter, DraftRequest } from './drafter.js';
import { FadingRates } from '../metrics/fading-rates.js';

/** Options of {@link TokenRecyclingDrafter}. */
export interface TokenRecyclingOptions {
  /** Tokens of the target's vocabulary: 32 bytes are kept for each. */
  readonly vocabSize: number;
  /** Tokens drafted in a round at most, default 16. */
  readonly maxNodes?: number | undefined;
  /** Leaves of a tree at most, default as many as nodes. */
  readonly maxLeaves?: number | undefined;
}

/** Candidates kept for each token. */
const numCandidates = 8;
const none = -1;
/** [numCandidates]: how often a candidate is the next token, by its rank, before any was tried. */
const priors = [0.5, 0.1, 0.05, 0.035, 0.025, 0.02, 0.015, 0.012];
/** Tries that the prior stands for. */
const priorTries = 50;
/** Beyond so many tries old ones count less and less. */
const memory = 5000;

/** A draft that is waiting for its verdict. */
interface OpenDraft {
  readonly root: TokenId;
  readonly tree: TokenTree;
}

/**
 * Remembers for every token the target's likeliest next ones, as they were when it was last decoded, and proposes the tree
 * of them that is likeliest by the acceptance of their ranks. What is known outlives a generation: it is about the model.
 *
 * @see Luo et al., Turning Trash into Treasure: Accelerating Inference of LLMs with Token Recycling, arXiv:2408.08696,
 *      sec. 3 (departures: the tree is not a template but the best one for the measured acceptance of ranks, over the
 *      candidates that are known; the original starts with candidate 0 everywhere, here what is unknown is not drafted.
 *      Of a token that was decoded twice in a round, the later node's candidates are kept, as in the original)
 * Cost: O(maxNodes * candidates) a round.
 */
export class TokenRecyclingDrafter implements Drafter {
  readonly name = 'token-recycling';
  readonly siblings = 'deterministic';
  readonly hasDraftProbs = false;
  readonly maxNodes: number;
  readonly maxLeaves: number;
  readonly adaptsShape = false;
  readonly isWeightless = true;
  readonly numCandidates = numCandidates;
  /** [vocabSize, numCandidates], likeliest first; -1 where none is known. */
  readonly #candidates: Int32Array;
  readonly #rates = new FadingRates(numCandidates, { priorTries, memory });
  /** [numCandidates], falling: what trees are grown by, the same in all of a generation. */
  #shaping = falling(this.#rates);
  #open: OpenDraft | undefined;

  constructor({ vocabSize, maxNodes = 16, maxLeaves = maxNodes }: TokenRecyclingOptions) {
    this.maxNodes = maxNodes;
    this.maxLeaves = maxLeaves;
    this.#candidates = new Int32Array(vocabSize * numCandidates).fill(none);
  }

  async begin(_prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#shaping = falling(this.#rates);
    this.#open = undefined;
  }

  async draft({ tokens, maxNodes, signal }: DraftRequest): Promise<Draft> {
    signal?.throwIfAborted();
    const root = tokens.at(-1)!;
    const next = (path: readonly TokenId[]) => this.#after(path.at(-1) ?? root);
    const { tree } = growBestFirst(Math.min(maxNodes, this.maxNodes), 0, next, this.maxLeaves);
    this.#open = { root, tree };
    const current = falling(this.#rates);
    const confidences = new Float64Array(tree.numNodes);
    for (let node = ROOT; node < tree.numNodes; node++)
      for (const [rank, child] of tree.children(node).entries()) confidences[child] = current[rank]!;
    return { tree, confidences };
  }

  /** Learns which ranks were accepted, and what the target found likely after the root and every node. */
  accept(
    tokens: readonly TokenId[],
    _acceptedNodes: readonly NodeIndex[],
    candidates: readonly ArrayLike<TokenId>[] = [],
  ): void {
    if (this.#open === undefined) return;
    const { root, tree } = this.#open;
    this.#open = undefined;
    for (let node = ROOT, depth = 0; depth < tokens.length; depth++) {
      const children = tree.children(node);
      const accepted = children.find((child) => tree.tokens[child] === tokens[depth]);
      for (const [rank, child] of children.entries()) this.#rates.observe(rank, child === accepted);
      if (accepted === undefined) break;
      node = accepted;
    }
    for (const [row, likeliest] of candidates.entries())
      this.#remember(row === 0 ? root : tree.tokens[row - 1], likeliest);
  }

  /** Nothing that is known is about the text. */
  rollback(): void {
    this.#open = undefined;
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  *#after(token: TokenId): Generator<NextToken> {
    for (let rank = 0; rank < numCandidates; rank++) {
      const candidate = this.#candidates[token * numCandidates + rank] ?? none;
      if (candidate === none) return;
      yield { token: candidate, confidence: this.#shaping[rank]! };
    }
  }

  #remember(token: TokenId | undefined, likeliest: ArrayLike<TokenId>): void {
    const from = (token ?? none) * numCandidates;
    if (likeliest.length === 0 || !(from >= 0 && from < this.#candidates.length)) return;
    const different = [...new Set(Array.from(likeliest))].slice(0, numCandidates);
    this.#candidates.fill(none, from, from + numCandidates);
    this.#candidates.set(different, from);
  }
}

/** [numCandidates]: how often each rank is accepted; a later rank never more than an earlier one. */
function falling(rates: FadingRates): number[] {
  let least = 1;
  return priors.map((prior, rank) => (least = Math.min(least, rates.rate(rank, prior))));
}
