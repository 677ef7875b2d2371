// The contract of acceptance rules. Knows nothing of models: probabilities and uniforms come in as data.
import type { DistributionRows } from '../sampling/distribution.js';
import type { NodeIndex, SiblingDraws, TokenTree } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';

/** Uniforms of one round, each in [0, 1). */
export interface RoundUniforms {
  /** [numNodes]: decides whether a node is accepted. */
  readonly accept: Float64Array;
  /** [maxDepth + 1]: draws the token at each depth below the root, keyed by output position. */
  readonly sample: Float64Array;
}

/** What a verifier is given; views, valid during the call. */
export interface VerifyRequest {
  readonly tree: TokenTree;
  /**
   * [numNodes, vocabSize]: the row each node was drawn from, so that without replacement it is zero on the siblings
   * before; undefined when the drafter is deterministic.
   */
  readonly draftProbs?: DistributionRows | undefined;
  /** [at least numNodes + 1, vocabSize]: row 0 follows the root, row i + 1 follows node i; more are not looked at. */
  readonly targetProbs: DistributionRows;
  readonly uniforms: RoundUniforms;
}

/** The outcome of a round. */
export interface Verdict {
  /** Accepted path from the root's child downwards; may be empty. */
  readonly acceptedNodes: readonly NodeIndex[];
  readonly nextToken: TokenId;
  /** 'bonus' after a leaf was accepted, 'recovered' where drafts were rejected. */
  readonly nextTokenKind: 'recovered' | 'bonus';
  /** Of a lossy rule: total variation distance from the target's law that it spent, summed over positions. */
  readonly bias?: number;
}

/** An acceptance rule. */
export interface Verifier {
  /** The name on the command line. */
  readonly name: string;
  /** True when output tokens follow the target distribution exactly. */
  readonly lossless: boolean;
  /** True when the rule divides by draft probabilities, so that a sampled drafter must hand them over. */
  readonly needsDraftProbs: boolean;
  /** Sibling draws under which the rule is lossless. */
  readonly siblings: readonly SiblingDraws[];
  /** True when the rule works on chains only. */
  readonly chainsOnly: boolean;
  /** True when the rule is lossless only where the shape of a tree does not depend on the tokens drawn for it. */
  readonly fixedShapesOnly: boolean;
  /** @throws {ShapeError} when rows, uniforms and tree size disagree */
  verify(request: VerifyRequest): Verdict;
}
