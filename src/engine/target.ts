// The target as the decode loop sees it: what a fake in a test has to be.
import type { Sampler } from '../model/sampler.js';
import type { Sequence } from '../model/sequence.js';
import type {
  DecodedRows,
  DecodeTreeRequest,
  ExtendedTokens,
  ExtendRequest,
} from '../model/sequence-calls.js';
import type { DistributionRows } from '../sampling/distribution.js';
import type { SparseAudit } from '../sparse/audit.js';
import type { SparseDecisions } from '../sparse/auto-policy.js';
import type { SparsePolicy } from '../sparse/policy.js';
import type { NodeIndex } from '../tree/token-tree.js';
import type { TokenId, TokenLogprobs } from '../types.js';

/** Rows of a decoded tree. */
export interface DecodedTree {
  /** [numTokens, vocabSize] */
  readonly rows: DistributionRows;
  readonly decodeMs: number;
  /** Milliseconds from logits to rows. */
  readonly samplingMs: number;
  /** The likeliest tokens by a row, likeliest first; there where the target was asked for them. */
  readonly candidates?: ((row: number, count: number) => readonly TokenId[]) | undefined;
  /** How likely a token was by a row; there where the target was asked for it. */
  readonly logprobs?: ((row: number, token: TokenId) => TokenLogprobs) | undefined;
}

/** A sequence of the target model under the sampling parameters of one generation. */
export interface Target {
  /** Tokens that the sequence can hold. */
  readonly contextSize: number;
  /** Tokens of one decode. */
  readonly maxBatch: number;
  /** Makes the sequence hold `tokens`; returns how many it held already. */
  prefill(tokens: ArrayLike<TokenId>, signal: AbortSignal | undefined): Promise<number>;
  /** Decodes a tree below the tip; the first token is its root. */
  decode(tokens: Int32Array, parents: Int32Array, signal: AbortSignal | undefined): Promise<DecodedTree>;
  /** Keeps the path to `node` of the tree just decoded. */
  commit(node: NodeIndex): void;
  /**
   * Plain decoding of many tokens in one call: decodes `root`, draws a token, decodes it, and so on, up to
   * `numTokens`, or fewer where the context or, with `stopAtEnd`, the generation ends. Tokens are told while the next ones
   * are computed; leaving the iteration stops it. Where it is missing, plain rounds decode one token each.
   */
  readonly extend?:
    ((root: TokenId, request: Omit<ExtendRequest, 'sampler'>) => AsyncIterable<ExtendedTokens>) | undefined;
}

/** What a target leaves out of its batches. */
export interface Thinning {
  readonly policy: SparsePolicy;
  readonly audit: SparseAudit;
  /** What the policy chose, where it does. */
  readonly decisions?: (() => SparseDecisions) | undefined;
}

/** Options of {@link SequenceTarget}. */
export interface SequenceTargetOptions {
  /** Told beside each output token's log-probability; undefined tells none and decodes plainly faster. */
  readonly numAlternatives?: number | undefined;
  /** Tells the likeliest tokens after each decoded one; costs a copy of the logits. */
  readonly tellsCandidates?: boolean | undefined;
  readonly thinning?: Thinning | undefined;
}

/** A target that computes. */
export class SequenceTarget implements Target {
  readonly contextSize: number;
  readonly maxBatch: number;
  readonly #sequence: Sequence;
  readonly #sampler: Sampler;
  readonly #numAlternatives: number | undefined;
  readonly #thinning: Thinning | undefined;
  readonly #tellsCandidates: boolean;
  readonly extend: Target['extend'];

  constructor(
    sequence: Sequence,
    sampler: Sampler,
    { numAlternatives, thinning, tellsCandidates = false }: SequenceTargetOptions = {},
  ) {
    this.#sequence = sequence;
    this.#sampler = sampler;
    this.#numAlternatives = numAlternatives;
    this.#thinning = thinning;
    this.#tellsCandidates = tellsCandidates;
    if (numAlternatives === undefined)
      this.extend = (root, request) => sequence.extend(root, { ...request, sampler });
    this.contextSize = sequence.context.info.contextSize;
    this.maxBatch = sequence.context.info.batchSize;
  }

  prefill(tokens: ArrayLike<TokenId>, signal: AbortSignal | undefined): Promise<number> {
    return this.#sequence.prefill(tokens, { signal });
  }

  async decode(
    tokens: Int32Array,
    parents: Int32Array,
    signal: AbortSignal | undefined,
  ): Promise<DecodedTree> {
    const numAlternatives = this.#numAlternatives;
    const keepsLogits = numAlternatives !== undefined || this.#tellsCandidates;
    const sampler = this.#sampler;
    const request = { tokens, parents, sampler, keepsLogits, signal };
    const decoded = await this.#decode(request);
    if (!keepsLogits) return decoded;
    const { rows } = decoded;
    return {
      ...decoded,
      candidates: (row, count) =>
        rows.logprobs(row, tokens[row]!, count).alternatives.map(({ token }) => token),
      ...(numAlternatives !== undefined && {
        logprobs: (row: number, token: TokenId) => rows.logprobs(row, token, numAlternatives),
      }),
    };
  }

  async #decode(request: DecodeTreeRequest): Promise<DecodedRows> {
    if (this.#thinning === undefined) return this.#sequence.decode(request);
    const { policy, audit } = this.#thinning;
    const state = { contextLength: this.#sequence.length, numTokens: request.tokens.length };
    const sparse = policy.plan(state);
    // The cells that stay are those of the last batch, the thinned one: an audit changes no output.
    const dense = sparse !== undefined && audit.next() ? await this.#sequence.decode(request) : undefined;
    if (dense !== undefined) policy.observe?.(state, undefined, dense.decodeMs);
    const decoded = await this.#sequence.decode({ ...request, sparse });
    policy.observe?.(state, sparse, decoded.decodeMs);
    if (dense === undefined) return decoded;
    audit.compare(dense.rows, decoded.rows);
    dense.rows.release();
    return {
      rows: decoded.rows,
      decodeMs: decoded.decodeMs + dense.decodeMs,
      samplingMs: decoded.samplingMs + dense.samplingMs,
    };
  }

  commit(node: NodeIndex): void {
    this.#sequence.commit(node);
  }
}
