// Drafts chains and trees with a small model. Knows nothing of the target or of verification.
import type { Sampler } from '../model/sampler.js';
import type { DraftedTokens, GrownTree } from '../model/sequence-calls.js';
import type { Sequence } from '../model/sequence.js';
import { TokenBuffer } from '../model/token-buffer.js';
import type { DistributionRows } from '../sampling/distribution.js';
import { sequoiaTree } from '../tree/static-trees.js';
import { ROOT, TokenTree, type NodeIndex, type OwnDraws } from '../tree/token-tree.js';
import type { TreeGrowth } from '../tree/tree-growth.js';
import { adaptsToDraws, leavesOf, type TreeShape } from '../tree/tree-shape.js';
import type { SamplingParams, TokenId } from '../types.js';
import { AcceptanceModel } from './acceptance-model.js';
import { DraftTemperature } from './draft-temperature.js';
import type { Draft, Drafter, DraftRequest, LookBackRequest } from './drafter.js';

/** What the drafter needs of a sequence. */
export type DraftSequence = Pick<Sequence, 'prefill' | 'draft' | 'grow' | 'decode' | 'commit'>;

/** Options of {@link DraftModelDrafter}. */
export interface DraftModelOptions {
  readonly sequence: DraftSequence;
  /** Cells of the draft context, in tokens. */
  readonly contextSize: number;
  /** Tokens that it looks back on at most, in one batch; default 0: on none, as where the state cannot go back. */
  readonly lookBackTokens?: number | undefined;
  /** Tokens of the draft model's vocabulary. */
  readonly vocabSize: number;
  /** Tokens of the target's vocabulary; ids beyond are never drafted. */
  readonly targetVocabSize: number;
  /** What is drafted in a round, as large as the request allows. */
  readonly shape: TreeShape;
  /** Leaves of a tree at most, default as many as the shape can have. */
  readonly maxLeaves?: number | undefined;
  /** How siblings are drawn where tokens are sampled. */
  readonly siblings: OwnDraws;
  /** What is known of acceptance when tokens are drawn so; read and taught by shapes that depend on it. */
  readonly acceptance?:
    ((sampling: SamplingParams, isSampled: boolean, factor: number) => AcceptanceModel) | undefined;
  /** Stops before a draw whose row has no token of at least this probability, default 0: never. */
  readonly minProbability?: number | undefined;
  /** `auto` samples for verifiers that need draft probabilities and takes the likeliest token otherwise. */
  readonly draws?: 'auto' | 'argmax' | 'sampled' | undefined;
  /**
   * A factor of the target's temperature where tokens are sampled, default 1; `auto` takes the one at which the rows of draft
   * and target overlap most. The rows are those that were drawn from, so that rules stay exact at any.
   */
  readonly temperature?: number | 'auto' | undefined;
  readonly createSampler: (params: SamplingParams) => Sampler;
}

/** Candidates among which a likeliest token's probability is taken for the confidence stop. */
const confidenceTopK = 40;

/** Siblings that a measured shape looks at: the later ones bring next to nothing. */
const maxSiblings = 16;

/** Expected tokens that a level has to bring; the default of OPT-Tree's authors. */
const optTreeThreshold = 0.5;

/** A tree and what is needed to learn from its verdict. */
interface TaughtDraft {
  readonly tree: TokenTree;
  /** [numNodes]: of each token in the row it was drawn from. */
  readonly probabilities: Float64Array;
  readonly acceptance: AcceptanceModel;
}

interface CachedSampler {
  readonly params: SamplingParams;
  readonly isSampled: boolean;
  readonly factor: number;
  readonly sampler: Sampler;
}

/** A draft model that proposes a chain or a tree. */
export class DraftModelDrafter implements Drafter {
  readonly name = 'model';
  readonly siblings: OwnDraws;
  readonly hasDraftProbs = true;
  readonly maxNodes: number;
  readonly maxLeaves: number;
  readonly adaptsShape: boolean;
  readonly isSelective: boolean;
  readonly canLookBack: boolean;
  readonly #options: DraftModelOptions;
  /** Tokens that the draft sequence is known to hold; verified on each call only from `#agreed` on. */
  readonly #seen = new TokenBuffer();
  #agreed = 0;
  /** By the target's temperature. */
  readonly #learnt = new Map<number, DraftTemperature>();
  /** Of the last draft; undefined where nothing is learnt from it. */
  #learner: DraftTemperature | undefined;
  #sampler: CachedSampler | undefined;
  #last: TaughtDraft | undefined;

  constructor(options: DraftModelOptions) {
    this.#options = options;
    this.siblings = options.siblings;
    this.maxNodes = options.shape.numNodes;
    this.maxLeaves = Math.min(options.maxLeaves ?? Infinity, leavesOf(options.shape));
    this.adaptsShape = adaptsToDraws(options.shape);
    this.canLookBack = (options.lookBackTokens ?? 0) > 0;
    this.isSelective = options.shape.kind === 'grown' && options.shape.rule === 'dynamic';
  }

  async begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    this.#agreed = 0;
    const { sequence, contextSize } = this.#options;
    if (prompt.length > contextSize || this.#firstUnknown(prompt) < prompt.length) return;
    await sequence.prefill(prompt.slice(0, -1), { signal });
  }

  async draft(request: DraftRequest): Promise<Draft> {
    const { contextSize, shape } = this.#options;
    const { tokens } = request;
    this.#last = undefined;
    // The last drafted token is never decoded, so it needs no cell.
    const numNodes = Math.min(request.maxNodes, this.maxNodes, contextSize - tokens.length + 1);
    if (numNodes < 1 || this.#firstUnknown(tokens) < tokens.length) return { tree: TokenTree.chain([]) };
    const isSampled = this.#isSampled(request);
    this.#learner = isSampled ? this.#learnerFor(request.sampling) : undefined;
    const known = Math.min(this.#agreed, tokens.length - 1);
    this.#agreed = 0;
    const drafted =
      shape.kind === 'chain'
        ? await this.#chain(request, numNodes, isSampled, known)
        : await this.#grow(request, shape, numNodes, isSampled, known);
    this.#agreed = tokens.length;
    if (isSampled && request.needsDraftProbs) return { tree: drafted.tree, draftProbs: drafted.rows };
    drafted.rows.release();
    return { tree: drafted.tree };
  }

  async #chain(request: DraftRequest, numDraft: number, isSampled: boolean, known: number) {
    const { sequence, minProbability, targetVocabSize } = this.#options;
    const drafted: DraftedTokens = await sequence.draft(
      request.tokens,
      {
        numDraft,
        sampler: this.#samplerFor(request.sampling, isSampled),
        uniforms: uniformsOf(request, numDraft, isSampled),
        minProbability,
        stopAtEnd: request.isEnd !== undefined,
        vocabLimit: targetVocabSize,
        signal: request.signal,
      },
      known,
    );
    return { tree: TokenTree.chain(drafted.tokens), rows: drafted.rows };
  }

  async #grow(
    request: DraftRequest,
    shape: Exclude<TreeShape, { kind: 'chain' }>,
    numNodes: number,
    isSampled: boolean,
    known: number,
  ) {
    const { sequence, minProbability, targetVocabSize, acceptance } = this.#options;
    const factor = isSampled ? this.#factor : 1;
    const learnt =
      acceptance?.(request.sampling, isSampled, factor) ?? new AcceptanceModel(undefined, factor);
    const grown: GrownTree = await sequence.grow(
      request.tokens,
      {
        sampler: this.#samplerFor(request.sampling, isSampled),
        siblings: isSampled ? this.siblings : 'deterministic',
        growth: growthOf(shape, numNodes, learnt, request.minAcceptance),
        uniforms: uniformsOf(request, numNodes, isSampled),
        minProbability,
        stopAtEnd: request.isEnd !== undefined,
        maxLeaves: this.maxLeaves,
        vocabLimit: targetVocabSize,
        signal: request.signal,
      },
      known,
    );
    const tree = new TokenTree(grown.tokens, grown.parents);
    this.#last = { tree, probabilities: grown.probabilities, acceptance: learnt };
    return { tree, rows: grown.rows };
  }

  /**
   * Decodes the tokens in one batch. A token x that the target drew with probability p(x) is accepted with min(1, q(x) / p(x)),
   * which is on average over x the sum of min(p, q): what rejection accepts of a draft. Rules that see no draft probabilities
   * accept the token that the target draws itself: with q(x) that is x. Of likeliest tokens the one that was drawn is accepted.
   * @see Leviathan et al., arXiv:2211.17192, sec. 3.1, here with the target's tokens in place of the draft's
   */
  async lookBack(request: LookBackRequest): Promise<readonly boolean[] | undefined> {
    const { sequence, contextSize, targetVocabSize } = this.#options;
    const { tokens, sampling, needsDraftProbs, signal } = request;
    const { lookBackTokens = 0 } = this.#options;
    const isHeld = tokens.length <= contextSize && this.#firstUnknown(tokens) === tokens.length;
    if (lookBackTokens === 0 || !isHeld) return undefined;
    const numTokens = Math.min(request.probabilities.length, lookBackTokens, tokens.length - 1);
    const numSkipped = request.probabilities.length - numTokens;
    const start = tokens.length - numTokens;
    this.#last = undefined;
    this.#agreed = 0;
    const isSampled = this.#isSampled(request);
    this.#learner = isSampled ? this.#learnerFor(sampling) : undefined;
    await sequence.prefill(tokens.subarray(0, start - 1), { signal });
    const { rows } = await sequence.decode({
      tokens: tokens.subarray(start - 1, -1),
      sampler: this.#samplerFor(sampling, isSampled),
      vocabLimit: targetVocabSize,
      signal,
    });
    sequence.commit(numTokens - 1);
    this.#agreed = tokens.length - 1;
    try {
      const { own, largest } = rows.probabilities(tokens.subarray(start));
      return Array.from(own, (probability, index) => {
        if (!isSampled) return probability > 0 && probability === largest[index];
        const drawn = needsDraftProbs ? request.probabilities[numSkipped + index]! : 1;
        return request.uniform(numSkipped + index) * drawn < probability;
      });
    } finally {
      rows.release();
    }
  }

  compare(draftRows: DistributionRows, targetRows: DistributionRows): void {
    this.#learner?.observe(
      () => draftRows.row(0),
      () => targetRows.row(0),
    );
  }

  get #factor(): number {
    const { temperature = 1 } = this.#options;
    return temperature === 'auto' ? (this.#learner?.value ?? 1) : temperature;
  }

  /** Rows that were cut by a mass say nothing of warmer ones, which hold more tokens. */
  #learnerFor({ temperature = 1, topP = 1, typicalP = 1 }: SamplingParams): DraftTemperature | undefined {
    if (this.#options.temperature !== 'auto' || topP < 1 || typicalP < 1) return undefined;
    let learner = this.#learnt.get(temperature);
    if (learner === undefined) this.#learnt.set(temperature, (learner = new DraftTemperature()));
    return learner;
  }

  /** Learns which siblings were accepted; the tokens come with the next call. */
  accept(_tokens: readonly TokenId[], acceptedNodes: readonly NodeIndex[]): void {
    if (this.#last === undefined) return;
    const { tree, probabilities, acceptance } = this.#last;
    for (const [index, node] of [ROOT, ...acceptedNodes].entries()) {
      const accepted = acceptedNodes[index];
      for (const [rank, child] of tree.children(node).entries()) {
        acceptance.observe(rank, probabilities[child]!, child === accepted);
        if (child === accepted) break;
      }
    }
    this.#last = undefined;
  }

  rollback(length: number): void {
    this.#agreed = Math.min(this.#agreed, length);
    this.#seen.truncate(length);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #isSampled({ needsDraftProbs, sampling }: Pick<DraftRequest, 'needsDraftProbs' | 'sampling'>): boolean {
    if ((sampling.temperature ?? 1) === 0) return false;
    const { draws = 'auto' } = this.#options;
    return draws === 'auto' ? needsDraftProbs : draws === 'sampled';
  }

  /** Index of the first token that the draft model has no embedding for; the length when there is none. */
  #firstUnknown(tokens: ArrayLike<TokenId>): number {
    const { vocabSize, targetVocabSize } = this.#options;
    if (vocabSize >= targetVocabSize) return tokens.length;
    const known = this.#seen.commonPrefix(tokens);
    for (let index = known; index < tokens.length; index++) {
      if (tokens[index]! >= vocabSize) return index;
    }
    this.#seen.truncate(known);
    this.#seen.append(Array.from(tokens).slice(known));
    return tokens.length;
  }

  #samplerFor(params: SamplingParams, isSampled: boolean): Sampler {
    const cached = this.#sampler;
    const factor = this.#factor;
    if (cached?.params === params && cached.isSampled === isSampled && cached.factor === factor)
      return cached.sampler;
    // A tree takes several of the likeliest tokens, by their probabilities.
    const needsConfidence = (this.#options.minProbability ?? 0) > 0 || this.#options.shape.kind !== 'chain';
    const likeliest: SamplingParams = {
      ...params,
      temperature: needsConfidence ? 1 : 0,
      topK: confidenceTopK,
      topP: 1,
      minP: 0,
      typicalP: 1,
    };
    // A share of the likeliest token's probability leaves the same tokens at any temperature only if it follows it.
    const drawn = { ...params, temperature: (params.temperature ?? 1) * factor };
    if (drawn.minP !== undefined) drawn.minP **= 1 / factor;
    const sampler = this.#options.createSampler(isSampled ? drawn : likeliest);
    this.#sampler = { params, isSampled, factor, sampler };
    return sampler;
  }
}

/** [count]: a uniform for each node; undefined where none is drawn. */
function uniformsOf(request: DraftRequest, count: number, isSampled: boolean): Float64Array | undefined {
  if (!isSampled) return undefined;
  return Float64Array.from({ length: count }, (_, node) => request.uniform(node));
}

/** How a round's tree grows. */
function growthOf(
  shape: Exclude<TreeShape, { kind: 'chain' }>,
  numNodes: number,
  acceptance: AcceptanceModel,
  minAcceptance: number | undefined,
): TreeGrowth {
  if (shape.kind === 'static') return fixedGrowth(shape.parents.slice(0, numNodes));
  const { rule } = shape;
  if (rule === 'sequoia')
    return fixedGrowth(sequoiaTree(acceptance.positional(maxSiblings), numNodes).parents);
  if (rule === 'opt-tree') return { rule: 'eagle-2', numNodes, minLevelGain: optTreeThreshold };
  if (rule !== 'dynamic') return { rule, numNodes };
  return {
    rule: 'calibrated',
    numNodes,
    knots: acceptance.knots,
    rates: acceptance.rates(),
    minAcceptance,
  };
}

function fixedGrowth(parents: readonly NodeIndex[]): TreeGrowth {
  return { rule: 'fixed', numNodes: parents.length, shape: Int32Array.from(parents) };
}
