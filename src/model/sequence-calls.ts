// What the calls of a sequence are asked for, and what they give.
import type { SparsePlan } from '../sparse/plan.js';
import type { NodeIndex, OwnDraws } from '../tree/token-tree.js';
import type { TreeGrowth } from '../tree/tree-growth.js';
import type { TokenId } from '../types.js';
import type { NativeDistributionRows, Sampler } from './sampler.js';

/** What `Sequence.decode` is asked for. */
export interface DecodeTreeRequest {
  /** [numTokens]; parents come before children. */
  readonly tokens: ArrayLike<TokenId>;
  /** [numTokens], -1 for children of the tip; undefined for a chain. */
  readonly parents?: ArrayLike<NodeIndex> | undefined;
  /** Turns logits into the rows of the result. */
  readonly sampler: Sampler;
  /** Ascending indices of the tokens whose rows are wanted; default all. */
  readonly outputs?: ArrayLike<NodeIndex> | undefined;
  /** Token ids from here on get no probability. */
  readonly vocabLimit?: number | undefined;
  /** The rows can tell log-probabilities, default false; costs a copy of the logits. */
  readonly keepsLogits?: boolean | undefined;
  /** What the batch leaves out; undefined or a budget of the whole context: nothing, and the very same numbers. */
  readonly sparse?: SparsePlan | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What `Sequence.draft` is asked for. */
export interface DraftTokensRequest {
  /** Tokens to draw, at least 1. */
  readonly numDraft: number;
  readonly sampler: Sampler;
  /** [numDraft], each in [0, 1): draws each token from its row; undefined takes the likeliest one. */
  readonly uniforms?: Float64Array | undefined;
  /** Stops before a draw whose row has no token of at least this probability; 0 is off. */
  readonly minProbability?: number | undefined;
  /** Stops after drawing an end-of-generation token, default false. */
  readonly stopAtEnd?: boolean | undefined;
  /** Token ids from here on are never drafted. */
  readonly vocabLimit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What `Sequence.grow` is asked for. */
export interface GrowTreeRequest {
  readonly sampler: Sampler;
  /** How siblings are drawn; `deterministic` takes the likeliest tokens. */
  readonly siblings: OwnDraws;
  readonly growth: TreeGrowth;
  /** [numNodes], each in [0, 1): draws each node from its row; not read where siblings are deterministic. */
  readonly uniforms?: Float64Array | undefined;
  /** Nothing is drawn from a row that has no token of at least this probability; 0 is off. */
  readonly minProbability?: number | undefined;
  /** End-of-generation tokens get no children, but in a fixed shape; default false. */
  readonly stopAtEnd?: boolean | undefined;
  /** Leaves that the tree may have. */
  readonly maxLeaves: number;
  /** Token ids from here on are never drafted. */
  readonly vocabLimit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Rows of a decode, and where its time went. */
export interface DecodedRows {
  /** [numRows, vocabSize], on the native side; release them when done. */
  readonly rows: NativeDistributionRows;
  /** Milliseconds in llama.cpp. */
  readonly decodeMs: number;
  /** Milliseconds that turned logits into distributions. */
  readonly samplingMs: number;
}

/** Drafted tokens and the rows they were drawn from. */
export interface DraftedTokens extends DecodedRows {
  readonly tokens: Int32Array;
}

/** A grown tree and the rows its nodes were drawn from; no rows where siblings are deterministic. */
export interface GrownTree extends DraftedTokens {
  /** [numNodes]: 1 where a node is in the cache. */
  readonly decoded: Int32Array;
  /** [numNodes], -1 for children of the last token. */
  readonly parents: Int32Array;
  /** [numNodes]: of each token in the row it was drawn from. */
  readonly probabilities: Float64Array;
}

/** What `Sequence.extend` is asked for. */
export interface ExtendRequest {
  readonly sampler: Sampler;
  /** Tokens to draw at most, at least 1. */
  readonly numTokens: number;
  /** [numTokens], each in [0, 1): draws each token from its row; undefined takes the likeliest one. */
  readonly uniforms?: Float64Array | undefined;
  /** Stops after an end-of-generation token. */
  readonly stopAtEnd: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Some of the tokens that `Sequence.extend` draws, and where its time went. */
export interface ExtendedTokens extends Omit<DecodedRows, 'rows'> {
  /** [1..numTokens] */
  readonly tokens: Int32Array;
  /** [tokens.length]: of each in the row that it was drawn from. */
  readonly probabilities: Float64Array;
  /** When they arrived, on the clock of performance.now(). */
  readonly toldAt: number;
}
