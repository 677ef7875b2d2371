// When a batch is thinned out, and how much. Knows nothing of models.
import {
  defaultBlockSize,
  type AttentionPlan,
  type ExpertPlan,
  type FeedForwardPlan,
  type SparsePlan,
} from './plan.js';

/** A batch that is about to be verified. */
export interface SparseRoundState {
  /** Tokens in the cache before the batch. */
  readonly contextLength: number;
  /** Tokens of the batch. */
  readonly numTokens: number;
}

/** Decides what a verification batch leaves out. */
export interface SparsePolicy {
  /** undefined: the batch is dense. */
  plan(state: SparseRoundState): SparsePlan | undefined;
  /** A batch was decoded under a plan, in so many milliseconds; missing where nothing is learnt from it. */
  readonly observe?:
    ((state: SparseRoundState, plan: SparsePlan | undefined, ms: number) => void) | undefined;
}

/** Sparse attention as options give it. */
export interface SparseAttentionOptions extends Partial<Omit<AttentionPlan, 'budget' | 'keepsChoice'>> {
  /** Contexts up to so many tokens are read whole, L_0. */
  readonly tokens: number;
  /** Share of what lies beyond that is read, too, in [0, 1], default 0. */
  readonly ratio?: number | undefined;
}

/**
 * Tokens that attention reads of a context: all of it up to `denseTokens`, then `floor((L - L_0) rho + L_0)`.
 * @see Jiang et al., arXiv:2512.21911, piecewise budget
 */
export function attentionBudget(contextLength: number, denseTokens: number, ratio: number): number {
  if (contextLength <= denseTokens) return contextLength;
  return Math.floor((contextLength - denseTokens) * ratio + denseTokens);
}

/** What a {@link FixedSparsePolicy} leaves out. */
export interface FixedSparseOptions {
  readonly attention?: SparseAttentionOptions | undefined;
  readonly experts?: ExpertPlan | undefined;
  readonly feedForward?: FeedForwardPlan | undefined;
  /** A batch of one token, which is plain decoding, is thinned out, too; default false. */
  readonly isPlainThinned?: boolean | undefined;
}

/** The same rule for every batch. */
export class FixedSparsePolicy implements SparsePolicy {
  readonly #options: FixedSparseOptions;

  constructor(options: FixedSparseOptions) {
    this.#options = options;
  }

  plan({ contextLength, numTokens }: SparseRoundState): SparsePlan | undefined {
    const { attention: wanted, experts, feedForward, isPlainThinned = false } = this.#options;
    if (numTokens < (isPlainThinned ? 1 : 2)) return undefined;
    const attention = wanted && attentionPlan(wanted, contextLength);
    if (attention === undefined && experts === undefined && feedForward === undefined) return undefined;
    return { attention, experts, feedForward };
  }
}

function attentionPlan(options: SparseAttentionOptions, contextLength: number): AttentionPlan | undefined {
  const {
    tokens,
    ratio = 0,
    blockSize = defaultBlockSize,
    sinkTokens = 16,
    localTokens = 128,
    anchors,
  } = options;
  if (contextLength <= tokens) return undefined;
  return {
    budget: attentionBudget(contextLength, tokens, ratio),
    blockSize,
    sinkTokens,
    localTokens,
    anchors,
  };
}
