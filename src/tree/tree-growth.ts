// How a tree is grown by a model, as data that the native side takes. Knows nothing of models.

/** A shape that is fixed before anything is drawn. */
export interface FixedGrowth {
  readonly rule: 'fixed';
  readonly numNodes: number;
  /** Parents, level by level, siblings side by side. */
  readonly shape: Int32Array;
}

/**
 * Best first, up to `numNodes` nodes, by measured acceptance: `rates` holds, for the first, second, ... sibling, its
 * acceptance at the draft probabilities in `knots`, given that its parent was accepted and the siblings before rejected.
 */
export interface CalibratedGrowth {
  readonly rule: 'calibrated';
  readonly numNodes: number;
  /** [numKnots], ascending. */
  readonly knots: Float64Array;
  /** [numRanks, numKnots] */
  readonly rates: Float64Array;
  /** Nothing is drawn at places that are less likely to be the accepted one, default 0; decided before the draw. */
  readonly minAcceptance?: number | undefined;
}

/**
 * Best first, up to `numNodes` nodes, by draft probabilities: `dyspec` as if they were acceptance (Xiong et al.,
 * arXiv:2410.11744, alg. 1), `eagle-2` by the products along paths (Li et al., arXiv:2406.16858, sec. 4.2).
 */
export interface PublishedGrowth {
  readonly rule: 'dyspec' | 'eagle-2';
  readonly numNodes: number;
  /**
   * The model is not asked for a level that can bring no more expected tokens than this, default 0: the stop of OPT-Tree
   * (Wang et al., arXiv:2406.17276; departure: decided by the bound before the level is decoded, not by its gain after).
   */
  readonly minLevelGain?: number;
}

/** A way to grow a tree. */
export type TreeGrowth = FixedGrowth | CalibratedGrowth | PublishedGrowth;
