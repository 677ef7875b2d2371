// What a verification batch leaves out, as plain data. Knows nothing of models.

/** Cells of a block where nothing else is said. */
export const defaultBlockSize = 4;

/** Attention reads some blocks of the cache instead of all. */
export interface AttentionPlan {
  /** Tokens of the context that are read at most, at least 1; rounded up to what a kernel reads at once, 256. */
  readonly budget: number;
  /** Cells of a block: 4, 8, 16, 32, 64, 128 or 256. Smaller ones find single tokens better and cost more to score. */
  readonly blockSize: number;
  /** First tokens, always read. */
  readonly sinkTokens: number;
  /** Last tokens before the batch, always read. */
  readonly localTokens: number;
  /** Layers that choose blocks, ascending; the others take the set of the anchor before. undefined: each layer chooses. */
  readonly anchors?: readonly number[] | undefined;
  /** The choice can be read afterwards; for calibration and pictures. */
  readonly keepsChoice?: boolean | undefined;
}

/** Tokens skip their lightest experts. */
export interface ExpertPlan {
  /** Experts that a token skips at most for their weight; it always keeps one. */
  readonly skipped: number;
  /**
   * [numLayers][skipped]: a token skips its m lightest experts for the largest m for which they have less than the m-th share of
   * its weights. undefined: it skips `skipped` in any case.
   */
  readonly shares?: readonly (readonly number[])[] | undefined;
  /**
   * Experts that no other token of the batch wants are skipped, too, where they have less than this share of their
   * token's weights, in [0, 1], default 0: each of them costs its weights. On a GPU only where a layer has at least twice as
   * many experts as a token uses, less two.
   */
  readonly loneShare?: number | undefined;
}

/** Channels of feed-forward parts that no token of a batch needs. */
export interface FeedForwardPlan {
  /**
   * [numLayers]: blocks of 32 neighbouring channels (256 where a K-quantised matrix leads down) whose gate activation is
   * below this for all tokens of the batch are left out; 0: none of the layer.
   */
  readonly thresholds: readonly number[];
}

/** What one batch leaves out; a part that is missing stays dense. */
export interface SparsePlan {
  readonly attention?: AttentionPlan | undefined;
  readonly experts?: ExpertPlan | undefined;
  readonly feedForward?: FeedForwardPlan | undefined;
  /** Measures, beside what is left out, experts' shares and how many gate activations are below each of these. */
  readonly thresholds?: readonly number[] | undefined;
}

/** What of a model can be thinned out. */
export interface SparseSupport {
  /** Layers that read a whole KV cache. */
  readonly attentionLayers: number;
  /** Layers with experts. */
  readonly expertLayers: number;
  /** Experts of a token; 0 without any. */
  readonly expertsUsed: number;
  /** Layers whose feed-forward channels can be left out: gated, on the CPU, with weights that lie as in the file. */
  readonly feedForwardLayers: number;
}

/** Which blocks an anchor layer chose. */
export interface BlockChoice {
  readonly layer: number;
  /** Ascending. */
  readonly blocks: Int32Array;
  /**
   * [numBlocks]: attention that the mean keys predict for the batch's first token, of a block and the one before it,
   * summed over heads.
   */
  readonly scores: Float32Array;
}
