// The contract of everything that proposes tokens. Knows nothing of verification.
import type { DistributionRows } from '../sampling/distribution.js';
import type { NodeIndex, SiblingDraws, TokenTree } from '../tree/token-tree.js';
import type { SamplingParams, TokenId } from '../types.js';

/** What a drafter is asked for in a round. */
export interface DraftRequest {
  /** All tokens so far, prompt and output; the last one is the root of the tree. A view, valid during the call. */
  readonly tokens: Int32Array;
  /** Upper bound on drafted nodes; 0 asks for the empty tree. */
  readonly maxNodes: number;
  /**
   * Nodes whose whole path is less likely than this to be accepted are not worth their time, default 0: left away by drafters
   * that can tell before they draw.
   */
  readonly minAcceptance?: number | undefined;
  /** Tokens that end the text: what would follow them is left away by drafters that can. Default: none does. */
  readonly isEnd?: ((token: TokenId) => boolean) | undefined;
  /** How the target will be sampled. */
  readonly sampling: SamplingParams;
  /** True when the verifier needs the rows that tokens were drawn from. */
  readonly needsDraftProbs: boolean;
  /** Uniform in [0, 1) for drawing node `node`, from 0. */
  uniform(node: NodeIndex): number;
  readonly signal?: AbortSignal | undefined;
}

/** Tokens that were decoded without drafts, for a drafter that says what it would have made of them. */
export interface LookBackRequest extends Pick<
  DraftRequest,
  'tokens' | 'sampling' | 'needsDraftProbs' | 'signal'
> {
  /** [n], n at least 1: of each of the last n of `tokens` in the row that the target drew it from. */
  readonly probabilities: Float64Array;
  /** Uniform in [0, 1) that decides over the i-th of them. */
  uniform(index: number): number;
}

/** A drafted tree. */
export interface Draft {
  readonly tree: TokenTree;
  /** [numNodes, vocabSize]: row i is what node i was drawn from; undefined for a deterministic drafter (one-hot). */
  readonly draftProbs?: DistributionRows | undefined;
  /**
   * [numNodes], each in [0, 1]: how sure the drafter is that a node is the next token once its parent was, so that those
   * of siblings sum to 1 at most. A guess, to be calibrated by whoever compares drafters; undefined where none is made.
   */
  readonly confidences?: Float64Array | undefined;
  /** [numNodes]: names of the drafters that a node came from, where there are several. */
  readonly sources?: readonly string[] | undefined;
}

/** Proposes token trees; stateful, one per engine. */
export interface Drafter {
  /** The name on the command line. */
  readonly name: string;
  /** How siblings are drawn. */
  readonly siblings: SiblingDraws;
  /** True when the drafter can hand over the rows its tokens were drawn from. */
  readonly hasDraftProbs: boolean;
  /** Largest number of nodes it proposes in a round. */
  readonly maxNodes: number;
  /** Largest number of leaves of its trees; 1 for chains. */
  readonly maxLeaves: number;
  /** True when the shape of a tree depends on the tokens drawn for it. */
  readonly adaptsShape: boolean;
  /**
   * True when a draft costs next to nothing and tells its confidences, so that it is worth while to draft first and to
   * decide then how much of it is decoded: `accept` then tells of the first nodes alone.
   */
  readonly isWeightless?: boolean | undefined;
  /** True when it leaves away what is less likely to be accepted than `minAcceptance` asks. */
  readonly isSelective?: boolean | undefined;
  /** True when it can tell what it would have drafted, with `lookBack`. */
  readonly canLookBack?: boolean | undefined;
  /** How many likely next tokens it wants to be told after each decoded token; undefined: none. */
  readonly numCandidates?: number | undefined;
  /** Starts a generation on `prompt`. */
  begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void>;
  draft(request: DraftRequest): Promise<Draft>;
  /**
   * Which of the last tokens would have been accepted as the first node of a chain that was drafted just before them, as an
   * unbiased guess: runs of them are as long as those that drafts would have had accepted.
   * @returns [n], or of fewer where it cannot look at all, the last ones; undefined where the drafter cannot tell
   */
  lookBack?(request: LookBackRequest): Promise<readonly boolean[] | undefined>;
  /**
   * Tells, before `accept`, the rows of the last draft that has any: those it was drawn from, [numNodes, vocabSize], and the
   * target's, [numNodes + 1, vocabSize], after the root and after each node. Views, valid during the call.
   */
  compare?(draftRows: DistributionRows, targetRows: DistributionRows): void;
  /**
   * Tells what came of the last draft: the tokens that were output, the recovered or bonus token last, and the nodes that
   * were accepted. Of a weightless drafter's nodes the last ones may not have been decoded.
   * @param candidates  [decoded nodes + 1]: the target's likeliest tokens after the root and after each node, likeliest first,
   * at most `numCandidates`; given to drafters that ask for them
   */
  accept(
    tokens: readonly TokenId[],
    acceptedNodes: readonly NodeIndex[],
    candidates?: readonly ArrayLike<TokenId>[],
  ): void;
  /** Forgets everything past the first `length` tokens. */
  rollback(length: number): void;
  dispose(): Promise<void>;
}
