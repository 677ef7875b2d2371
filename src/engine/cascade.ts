// A drafter made of drafters: a middle model that speculates with another drafter. Knows nothing of what verifies its drafts.
import type { Draft, DraftRequest, Drafter } from '../draft/drafter.js';
import { RecheckCounters } from '../metrics/recheck-counters.js';
import { TokenBuffer } from '../model/token-buffer.js';
import type { DistributionRows } from '../sampling/distribution.js';
import { ROOT, TokenTree, type NodeIndex, type OwnDraws, type SiblingDraws } from '../tree/token-tree.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import { runRound } from './round.js';
import type { DecodedTree, Target } from './target.js';

/** Rows picked out of others. */
export interface RowCollection extends DistributionRows {
  /** Copies rows behind those that are there. */
  append(rows: DistributionRows, indices: readonly number[]): void;
}

/** Between the inner drafter and the target: a model of its own, or the target thinned out. */
export interface MiddleModel {
  readonly name: string;
  /** Tokens of its drafts at most, besides what the context bounds. */
  readonly numTokens: number;
  /** True where, when it has nothing to say, the inner drafter's drafts go straight to the target. */
  readonly passesOn: boolean;
  /** False where it has nothing to say of its own after these tokens. */
  speaksAfter(tokens: ArrayLike<TokenId>): boolean;
  /** Reads the prompt of a generation. */
  begin(prompt: readonly TokenId[], signal: AbortSignal | undefined): Promise<void>;
  /**
   * Ready for rounds that start after `tokens`.
   * @param maxNodes  drafted nodes of a round at most
   */
  enter(
    tokens: Int32Array,
    sampling: SamplingParams,
    maxNodes: number,
    signal: AbortSignal | undefined,
  ): Promise<Target>;
  /** The rounds are over; `length` tokens are in the cache of whoever verifies. */
  leave(length: number): Promise<void>;
}

/** What a {@link CascadeDrafter} is made of. */
export interface CascadeOptions {
  /** Drafts for the middle model; undefined: it decodes token by token. */
  readonly drafter: Drafter | undefined;
  /** Verifies these drafts against the middle model; lossless. */
  readonly verifier: (sampling: SamplingParams) => Verifier;
  readonly middle: MiddleModel;
  /** An empty collection. */
  readonly collect: () => RowCollection;
  /** What its chains are called, default `withReplacement`: of single children all draws are the same. */
  readonly siblings?: OwnDraws | undefined;
  /** `auto`, the default, samples for verifiers that need draft probabilities and takes the likeliest token otherwise. */
  readonly draws?: 'auto' | 'argmax' | 'sampled' | undefined;
}

/** The middle model with the rows that its tokens were drawn from. */
class RecordedTarget implements Target {
  readonly contextSize: number;
  readonly maxBatch: number;
  readonly #target: Target;
  readonly #rows: RowCollection;
  #decoded: { readonly rows: DistributionRows; readonly parents: Int32Array } | undefined;

  constructor(target: Target, rows: RowCollection) {
    this.#target = target;
    this.#rows = rows;
    this.contextSize = target.contextSize;
    this.maxBatch = target.maxBatch;
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
 * Drafts with a middle model, which drafts with another drafter in turn. A draft is a chain of exactly the number of tokens
 * that is asked for, as far as the contexts allow: rounds of drafter and middle model, one after the other. As the inner
 * verifier is lossless, the chain follows the middle model's own distribution, whatever the inner drafter is, and the
 * middle model's rows are its draft probabilities: every verifier that is lossless for chains stays so. How the rounds
 * ended does not decide where the chain does, so that its length tells nothing of its tokens.
 *
 * Inner rounds have a seed of their own, drawn from the outer round's draft uniform: no uniform is used twice.
 *
 * @see Chen et al., Cascade Speculative Drafting, arXiv:2312.11462, vertical cascade (departures: the middle model's drafts
 *      are sampled and verified losslessly; the innermost drafter may be any)
 */
export class CascadeDrafter implements Drafter {
  readonly name: string;
  readonly siblings: SiblingDraws;
  readonly hasDraftProbs: boolean;
  readonly maxNodes: number;
  readonly maxLeaves: number;
  readonly adaptsShape: boolean;
  readonly #options: CascadeOptions;
  /** Tokens before the last draft where the middle model made it. */
  #start: number | undefined;
  /** Whom runs of the middle model are told to; of the generation that runs. */
  counters = new RecheckCounters();
  #greedy: { readonly of: SamplingParams; readonly sampling: SamplingParams } | undefined;

  constructor(options: CascadeOptions) {
    const { drafter, middle, siblings = 'withReplacement' } = options;
    const passedOn = middle.passesOn ? drafter : undefined;
    this.#options = options;
    this.name = drafter === undefined ? middle.name : `${middle.name}(${drafter.name})`;
    this.siblings = passedOn?.siblings ?? siblings;
    this.hasDraftProbs = passedOn?.hasDraftProbs ?? true;
    this.maxNodes = Math.max(middle.numTokens, passedOn?.maxNodes ?? 0);
    this.maxLeaves = passedOn?.maxLeaves ?? 1;
    this.adaptsShape = passedOn?.adaptsShape ?? false;
  }

  async begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    const { drafter, middle } = this.#options;
    this.#start = undefined;
    await middle.begin(prompt, signal);
    await drafter?.begin(prompt, signal);
  }

  async draft(request: DraftRequest): Promise<Draft> {
    const { drafter, middle, collect } = this.#options;
    const start = request.tokens.length;
    this.#start = undefined;
    request.signal?.throwIfAborted();
    if (!middle.speaksAfter(request.tokens) || request.maxNodes < 1) {
      const passedOn = middle.passesOn ? drafter : undefined;
      return passedOn?.draft(request) ?? { tree: TokenTree.chain([]) };
    }
    const sampling = this.#samplingFor(request);
    const rows = request.needsDraftProbs && sampling === request.sampling ? collect() : undefined;
    try {
      const tokens = await this.#run(request, sampling, rows);
      this.counters.run(tokens.length);
      this.#start = start;
      return { tree: TokenTree.chain(tokens), draftProbs: rows };
    } catch (error) {
      rows?.release?.();
      drafter?.rollback(start);
      throw error;
    } finally {
      await middle.leave(start - 1);
    }
  }

  /** Output of the middle model, as many tokens as are asked for. */
  async #run(
    request: DraftRequest,
    sampling: SamplingParams,
    rows: RowCollection | undefined,
  ): Promise<Int32Array> {
    const { drafter, verifier, middle } = this.#options;
    const { signal } = request;
    const start = request.tokens.length;
    const most = drafter?.maxNodes ?? 0;
    const target = await middle.enter(request.tokens, sampling, most, signal);
    const setup = {
      target: rows === undefined ? target : new RecordedTarget(target, rows),
      drafter,
      verifier: verifier(sampling),
      sampling,
      seed: Math.floor(request.uniform(0) * Number.MAX_SAFE_INTEGER),
      signal,
    };
    const tokens = new TokenBuffer(request.tokens);
    // The last drafted token is never decoded, so it needs no cell.
    const room = target.contextSize - start + 1;
    const end = start + Math.min(request.maxNodes, middle.numTokens, room);
    while (tokens.length < end) {
      // A round brings its draft tokens, or fewer, and one more.
      const maxNodes = Math.min(most, end - tokens.length - 1, target.maxBatch - 1);
      const round = await runRound(setup, {
        tokens: tokens.view,
        outputPosition: tokens.length - start,
        plan: { maxNodes, isPlain: false },
      });
      this.counters.inner(round.record);
      tokens.append(round.tokens);
    }
    return tokens.view.slice(start);
  }

  /** The request's own where the middle model samples; the same object for the same one. */
  #samplingFor({ sampling, needsDraftProbs }: DraftRequest): SamplingParams {
    const { draws = 'auto' } = this.#options;
    if (draws === 'sampled' || (draws === 'auto' && needsDraftProbs) || sampling.temperature === 0) {
      return sampling;
    }
    if (this.#greedy?.of !== sampling)
      this.#greedy = { of: sampling, sampling: { ...sampling, temperature: 0 } };
    return this.#greedy.sampling;
  }

  /** Of a draft that was passed on. */
  compare(draftRows: DistributionRows, targetRows: DistributionRows): void {
    if (this.#start === undefined) this.#options.drafter?.compare?.(draftRows, targetRows);
  }

  accept(tokens: readonly TokenId[], acceptedNodes: readonly NodeIndex[]): void {
    const { drafter } = this.#options;
    const start = this.#start;
    this.#start = undefined;
    if (start === undefined) {
      drafter?.accept(tokens, acceptedNodes);
      return;
    }
    this.counters.accept(acceptedNodes.length);
    drafter?.rollback(start + acceptedNodes.length);
  }

  rollback(length: number): void {
    this.#start = undefined;
    this.#options.drafter?.rollback(length);
  }

  async dispose(): Promise<void> {
    await this.#options.drafter?.dispose();
  }
}
