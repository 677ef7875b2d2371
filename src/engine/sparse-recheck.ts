// A drafter that is the target itself, thinned out: it speculates with another drafter, and a dense batch verifies it.
import type { Draft, DraftRequest, Drafter } from '../draft/drafter.js';
import { RecheckCounters } from '../metrics/recheck-counters.js';
import { TokenBuffer } from '../model/token-buffer.js';
import type { DistributionRows } from '../sampling/distribution.js';
import { ROOT, TokenTree, type NodeIndex, type SiblingDraws } from '../tree/token-tree.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import { runRound } from './round.js';
import type { DecodedTree, Target } from './target.js';

/** Rows picked out of others. */
export interface RowCollection extends DistributionRows {
  /** Copies rows behind those that are there. */
  append(rows: DistributionRows, indices: readonly number[]): void;
}

/** What a {@link SparseTargetDrafter} is made of. */
export interface SparseTargetDrafterOptions {
  /** Drafts for the thinned target; undefined: it decodes token by token. */
  readonly drafter: Drafter | undefined;
  /** Verifies these drafts against the thinned target; lossless. */
  readonly verifier: (sampling: SamplingParams) => Verifier;
  /** The thinned target; it decodes below the tip of the sequence that the dense one owns. */
  readonly target: (sampling: SamplingParams) => Target;
  /** False where a context of this length would be read whole. */
  readonly isThinned: (contextLength: number) => boolean;
  /** Drops what the target decoded beyond the first tokens. */
  readonly rewind: (length: number) => Promise<void>;
  /** An empty collection. */
  readonly collect: () => RowCollection;
  /** Tokens of a draft. */
  readonly numTokens: number;
}

/** The thinned target with the rows that its tokens were drawn from. */
class RecordedTarget implements Target {
  readonly #target: Target;
  readonly #rows: RowCollection;
  #decoded: { readonly rows: DistributionRows; readonly parents: Int32Array } | undefined;

  constructor(target: Target, rows: RowCollection) {
    this.#target = target;
    this.#rows = rows;
  }

  get contextSize(): number {
    return this.#target.contextSize;
  }

  get maxBatch(): number {
    return this.#target.maxBatch;
  }

  prefill(tokens: ArrayLike<TokenId>, signal: AbortSignal | undefined): Promise<number> {
    return this.#target.prefill(tokens, signal);
  }

  async decode(
    tokens: Int32Array,
    parents: Int32Array,
    signal: AbortSignal | undefined,
  ): Promise<DecodedTree> {
    const decoded = await this.#target.decode(tokens, parents, signal);
    this.#decoded = { rows: decoded.rows, parents };
    return decoded;
  }

  /** Each token of a round follows a node of the path that is kept, the root first. */
  commit(node: NodeIndex): void {
    const { rows, parents } = this.#decoded!;
    const path: NodeIndex[] = [];
    for (let at = node; at !== ROOT; at = parents[at]!) path.unshift(at);
    this.#rows.append(rows, path);
    this.#target.commit(node);
  }
}

/**
 * Drafts with the target itself, thinned out, which drafts with another drafter in turn. Its tokens follow the thinned
 * target's distribution exactly, whatever that one's drafter is, because the inner verifier is lossless; their rows
 * are the draft probabilities for the dense verification, which is lossless in turn. Where the context is so short
 * that nothing is left out, the inner drafter's drafts go straight to the dense target.
 *
 * Inner rounds have a seed of their own, drawn from the outer round's draft uniform: no uniform is used twice.
 */
export class SparseTargetDrafter implements Drafter {
  readonly name: string;
  readonly siblings: SiblingDraws;
  readonly hasDraftProbs: boolean;
  readonly maxNodes: number;
  readonly maxLeaves: number;
  readonly adaptsShape: boolean;
  readonly #options: SparseTargetDrafterOptions;
  /** Tokens before the last draft where the thinned target made it. */
  #start: number | undefined;
  /** Whom runs are told to; of the generation that runs. */
  counters = new RecheckCounters();

  constructor(options: SparseTargetDrafterOptions) {
    const { drafter, numTokens } = options;
    this.#options = options;
    this.name = drafter === undefined ? 'sparse-target' : `sparse-target(${drafter.name})`;
    this.siblings = drafter?.siblings ?? 'withReplacement';
    this.hasDraftProbs = drafter?.hasDraftProbs ?? true;
    this.maxNodes = Math.max(numTokens, drafter?.maxNodes ?? 0);
    this.maxLeaves = drafter?.maxLeaves ?? 1;
    this.adaptsShape = drafter?.adaptsShape ?? false;
  }

  async begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    await this.#options.drafter?.begin(prompt, signal);
  }

  async draft(request: DraftRequest): Promise<Draft> {
    const { drafter, isThinned, collect, rewind } = this.#options;
    const start = request.tokens.length;
    this.#start = undefined;
    if (!isThinned(start)) return drafter?.draft(request) ?? { tree: TokenTree.chain([]) };
    const rows = collect();
    try {
      const tokens = await this.#run(request, rows);
      this.counters.run(tokens.length);
      this.#start = start;
      const tree = TokenTree.chain(tokens);
      if (request.needsDraftProbs) return { tree, draftProbs: rows };
      rows.release?.();
      return { tree };
    } catch (error) {
      rows.release?.();
      throw error;
    } finally {
      await rewind(start - 1);
    }
  }

  /** Output of the thinned target, a whole number of its rounds. */
  async #run(request: DraftRequest, rows: RowCollection): Promise<Int32Array> {
    const { drafter, verifier, target, numTokens } = this.#options;
    const { sampling, signal } = request;
    const setup = {
      target: new RecordedTarget(target(sampling), rows),
      drafter,
      verifier: verifier(sampling),
      sampling,
      seed: Math.floor(request.uniform(0) * Number.MAX_SAFE_INTEGER),
      signal,
    };
    const tokens = new TokenBuffer(request.tokens);
    const start = tokens.length;
    const end = start + Math.min(request.maxNodes, numTokens);
    // A round brings its draft tokens and one more.
    const smallestRound = drafter === undefined ? 1 : 2;
    do {
      const maxNodes = Math.min(drafter?.maxNodes ?? 0, end - tokens.length - 1);
      const round = await runRound(setup, {
        tokens: tokens.view,
        outputPosition: tokens.length - start,
        plan: { maxNodes, isPlain: false },
      });
      this.counters.inner(round.record);
      tokens.append(round.tokens);
    } while (end - tokens.length >= smallestRound);
    return tokens.view.slice(start);
  }

  accept(tokens: readonly TokenId[], acceptedNodes: readonly NodeIndex[]): void {
    const { drafter } = this.#options;
    if (this.#start === undefined) {
      drafter?.accept(tokens, acceptedNodes);
      return;
    }
    this.counters.accept(acceptedNodes.length);
    drafter?.rollback(this.#start + acceptedNodes.length);
  }

  rollback(length: number): void {
    this.#options.drafter?.rollback(length);
  }

  async dispose(): Promise<void> {
    await this.#options.drafter?.dispose();
  }
}
