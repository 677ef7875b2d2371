// One tree from several drafters. Knows nothing of how they draft.
import { FadingRates } from '../metrics/fading-rates.js';
import { oneHot, type Distribution, type DistributionRows } from '../sampling/distribution.js';
import { ROOT, TokenTree, type NodeIndex, type SiblingDraws } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';
import { growBestFirst, type NextToken } from './best-first.js';
import { ConfidenceMixing, type Vote } from './confidence-mixing.js';
import type { Draft, Drafter, DraftRequest, LookBackRequest } from './drafter.js';

/** Options of {@link MixtureDrafter}. */
export interface MixtureOptions {
  /** Asked for trees without drawing; each tells its confidences. */
  readonly deterministic: readonly Drafter[];
  /** A drafter that draws, or costs more than the others; it is left out of rounds that do well without it. */
  readonly model?: Drafter | undefined;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /** Leaves of a tree at most, default as many as nodes. */
  readonly maxLeaves?: number | undefined;
  /** `rows`, and behind them a row for each token that has all the mass; takes over `rows`. */
  readonly joinRows?: ((rows: DistributionRows, tokens: readonly TokenId[]) => DistributionRows) | undefined;
}

/** Promised tokens that the word of the other drafters about nodes that the model does not have stands for, and what is left of older ones. */
const priorPromise = 1;
const promiseFading = 0.97;

/** What the others proposed beside a model's tree. */
interface Beside {
  readonly own: TokenTree;
  readonly tree: TokenTree;
  /** [tree.numNodes]: of each path. */
  readonly probabilities: readonly number[];
}

/** A part's tree, and where its nodes are in the common one; -1 for those that are not. */
interface Part {
  readonly drafter: Drafter;
  readonly draft: Draft;
  readonly places: Int32Array;
}

/** Probability of the model's first node before any was seen, and from node to node. */
const firstRate = 0.8;
/** Tries of a node of the model's that this stands for, and those beyond which old ones count less. */
const priorTries = 3;
const memory = 40;

/**
 * Fills one tree from several drafters. Budget goes to the nodes whose path is likeliest by what all drafters say of them,
 * weighted by what came true. A model's own tree comes first, as large as its last nodes are likelier than those of the others,
 * by what such nodes came to lately; where the others are expected to bring as much as it, it is not asked. Nodes of the others become further siblings behind
 * those that the model drew, unless they were drawn already: each is drawn from a row that has all the mass, which verifiers
 * for `mixed` siblings know.
 */
export class MixtureDrafter implements Drafter {
  readonly name: string;
  readonly siblings: SiblingDraws;
  readonly hasDraftProbs: boolean;
  readonly maxNodes: number;
  readonly maxLeaves: number;
  readonly adaptsShape: boolean;
  readonly isWeightless: boolean;
  readonly isSelective: boolean;
  readonly numCandidates: number | undefined;
  readonly #parts: readonly Drafter[];
  readonly #deterministic: readonly Drafter[];
  readonly #model: Drafter | undefined;
  readonly #joinRows: NonNullable<MixtureOptions['joinRows']>;
  readonly #mixing = new ConfidenceMixing();
  /** How often each node of the model's trees is accepted. */
  readonly #modelRates: FadingRates;
  #open: { readonly parts: readonly Part[]; readonly beside: Beside | undefined } | undefined;
  /** Of the nodes that the others propose and the model's tree does not have: tokens that they promised, and those that came. */
  #promised = 0;
  #came = 0;
  /** Nodes that the model was asked for last. */
  #numAsked = 0;

  constructor(options: MixtureOptions) {
    const { deterministic, model, maxNodes, maxLeaves = maxNodes, joinRows = defaultJoin } = options;
    this.#deterministic = deterministic;
    this.#model = model;
    this.#parts = model === undefined ? deterministic : [model, ...deterministic];
    this.#joinRows = joinRows;
    this.name = this.#parts.map(({ name }) => name).join('+');
    this.siblings = model === undefined || model.siblings === 'deterministic' ? 'deterministic' : 'mixed';
    this.hasDraftProbs = model?.hasDraftProbs ?? false;
    this.#modelRates = new FadingRates(maxNodes, { priorTries, memory });
    this.maxNodes = maxNodes;
    this.maxLeaves = maxLeaves;
    this.adaptsShape = model !== undefined;
    this.isSelective = model?.isSelective ?? true;
    this.isWeightless = this.#parts.every(({ isWeightless = false }) => isWeightless);
    const wanted = this.#parts.map(({ numCandidates = 0 }) => numCandidates);
    this.numCandidates = Math.max(...wanted) || undefined;
  }

  async begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    this.#open = undefined;
    for (const drafter of this.#parts) await drafter.begin(prompt, signal);
  }

  async draft(request: DraftRequest): Promise<Draft> {
    this.#open = undefined;
    const budget = Math.min(request.maxNodes, this.maxNodes);
    const drafts = new Map<Drafter, Draft>();
    for (const drafter of this.#deterministic) {
      drafts.set(drafter, await drafter.draft({ ...request, maxNodes: budget, needsDraftProbs: false }));
    }
    const merged = this.#merge(drafts, budget, request);
    const worth = merged.probabilities.reduce((sum, probability) => sum + probability, 0);
    let ofModel = 0;
    for (let node = 0; node < budget; node++) ofModel += this.#modelRate(node);
    if (this.#model === undefined || worth >= ofModel)
      return this.#finish(merged.tree, drafts, { confidences: merged.confidences });
    const numOther = this.#numOther(merged.probabilities, budget, request.minAcceptance);
    this.#numAsked = budget - numOther;
    const own = await this.#model.draft({ ...request, maxNodes: this.#numAsked });
    const tree = withBranches(own.tree, merged.tree, numOther, this.maxLeaves);
    drafts.set(this.#model, own);
    const { draftProbs } = own;
    const added = Array.from(tree.tokens.slice(own.tree.numNodes));
    const rows = draftProbs && this.#joinRows(draftProbs, added);
    return this.#finish(tree, drafts, { draftProbs: rows }, { ...merged, own: own.tree });
  }

  /** The first draft token is the model's wherever it drafted. */
  compare(draftRows: DistributionRows, targetRows: DistributionRows): void {
    const part = this.#open?.parts.find(({ drafter }) => drafter === this.#model);
    if (part !== undefined && part.draft.tree.numNodes > 0) this.#model?.compare?.(draftRows, targetRows);
  }

  accept(
    tokens: readonly TokenId[],
    acceptedNodes: readonly NodeIndex[],
    candidates?: readonly ArrayLike<TokenId>[],
  ): void {
    const open = this.#open;
    this.#open = undefined;
    for (const drafter of this.#parts) {
      const part = open?.parts.find((one) => one.drafter === drafter);
      const places = part?.places ?? new Int32Array();
      const own: NodeIndex[] = [];
      places.forEach((place, node) => place >= 0 && acceptedNodes.includes(place) && own.push(node));
      const told = drafter.numCandidates;
      const rows = candidates?.length ? [candidates[0]!, ...rowsAt(candidates, places)] : undefined;
      drafter.accept(tokens, own, told === undefined ? undefined : rows?.map((row) => firstOf(row, told)));
      if (drafter === this.#model && part !== undefined) this.#noteModel(own);
    }
    if (open !== undefined) this.#learn(open.parts, tokens);
    if (open?.beside !== undefined) this.#noteBeside(open.beside, tokens);
  }

  get canLookBack(): boolean {
    return this.#model?.canLookBack ?? false;
  }

  /** What the model says: of the others' nodes rounds tell. */
  async lookBack(request: LookBackRequest): Promise<readonly boolean[] | undefined> {
    return this.#model?.lookBack?.(request);
  }

  rollback(length: number): void {
    this.#open = undefined;
    for (const drafter of this.#parts) drafter.rollback(length);
  }

  async dispose(): Promise<void> {
    for (const drafter of this.#parts) await drafter.dispose();
  }

  /** The probability of the model's node of this number. */
  #modelRate(node: NodeIndex): number {
    return this.#modelRates.rate(node, firstRate ** (node + 1));
  }

  /**
   * How many nodes of the others, the likeliest first, are worth more than the last ones of the model's tree, and worth their
   * time. What they and the model agree in is in its tree: it is the rest that has to be.
   */
  #numOther(probabilities: readonly number[], budget: number, minAcceptance = 0): number {
    const trust = (this.#came + priorPromise) / (this.#promised + priorPromise);
    const isWorth = (probability: number, count: number) =>
      probability > this.#modelRate(budget - 1 - count) && probability >= minAcceptance;
    let count = 0;
    while (count < budget - 1 && isWorth(trust * (probabilities[count] ?? 0), count)) count += 1;
    return count;
  }

  /** Learns what came of the nodes that the model's tree did not have, decoded or not. */
  #noteBeside({ own, tree, probabilities }: Beside, tokens: readonly TokenId[]): void {
    this.#promised *= promiseFading;
    this.#came *= promiseFading;
    const isRight: boolean[] = [];
    for (const [node, place] of placesIn(own, tree).entries()) {
      const parent = tree.parents[node]!;
      const token = tokens[tree.depths[node]! - 1];
      isRight[node] =
        (parent === ROOT || isRight[parent]!) && (token === undefined || token === tree.tokens[node]);
      // Past the end of the round nothing is known.
      if (place !== -1 || (isRight[node] && token === undefined)) continue;
      this.#promised += probabilities[node]!;
      if (isRight[node]) this.#came += 1;
    }
  }

  /** A node that the model left away brought as little as one that was rejected. */
  #noteModel(accepted: readonly NodeIndex[]): void {
    for (let node = 0; node < this.#numAsked; node++) this.#modelRates.observe(node, accepted.includes(node));
  }

  #learn(parts: readonly Part[], tokens: readonly TokenId[]): void {
    const drafts = new Map(parts.map(({ drafter, draft }) => [drafter, draft]));
    for (const [depth, token] of tokens.entries())
      for (const [proposed, votes] of this.#votes(drafts, tokens.slice(0, depth)))
        this.#mixing.observe(votes, proposed === token);
  }

  /** What the deterministic drafters propose after a path, and how sure each is of it. */
  #votes(drafts: ReadonlyMap<Drafter, Draft>, path: readonly TokenId[]): Map<TokenId, Vote[]> {
    const votes = new Map<TokenId, Vote[]>();
    for (const [drafter, one] of this.#deterministic.entries()) {
      const { tree, confidences } = drafts.get(one)!;
      const at = nodeAt(tree, path);
      if (at === undefined) continue;
      for (const child of tree.children(at)) {
        const token = tree.tokens[child]!;
        const vote = { drafter, confidence: confidences?.[child] ?? 0.5 };
        votes.set(token, [...(votes.get(token) ?? []), vote]);
      }
    }
    return votes;
  }

  /** The likeliest nodes of all deterministic drafters as one tree, and the probability of each node's path. */
  #merge(drafts: ReadonlyMap<Drafter, Draft>, budget: number, { minAcceptance = 0, isEnd }: DraftRequest) {
    const next = (path: readonly TokenId[]): NextToken[] => {
      if (path.length > 0 && isEnd?.(path.at(-1)!)) return [];
      return Array.from(this.#votes(drafts, path), ([token, votes]) => ({
        token,
        confidence: this.#mixing.combined(votes),
      }));
    };
    const { tree, confidences } = growBestFirst(budget, minAcceptance, next, this.maxLeaves);
    const probabilities: number[] = [];
    for (let node = 0; node < tree.numNodes; node++) {
      const parent = tree.parents[node]!;
      probabilities.push((parent === ROOT ? 1 : probabilities[parent]!) * confidences[node]!);
    }
    return { tree, confidences, probabilities };
  }

  #finish(
    tree: TokenTree,
    drafts: ReadonlyMap<Drafter, Draft>,
    told: Pick<Draft, 'draftProbs' | 'confidences'>,
    beside?: Beside,
  ): Draft {
    const parts = Array.from(drafts, ([drafter, draft]) => ({
      drafter,
      draft,
      places: placesIn(tree, draft.tree),
    }));
    this.#open = { parts, beside };
    const sources = Array.from({ length: tree.numNodes }, (_, node) =>
      parts.filter(({ places }) => places.includes(node)).map(({ drafter }) => drafter.name),
    );
    // Without a model in it, the tree is drawn from nothing, and verified as such.
    return { tree, ...told, sources: sources.map((names) => names.join('+')) };
  }
}

/** The node that a path of tokens leads to; undefined where the tree does not have it. */
function nodeAt(tree: TokenTree, path: readonly TokenId[]): NodeIndex | undefined {
  let node = ROOT;
  for (const token of path) {
    const child = tree.children(node).find((one) => tree.tokens[one] === token);
    if (child === undefined) return undefined;
    node = child;
  }
  return node;
}

/** `base`, and behind its nodes the first `count` of `other` that it does not have, but for those that are a leaf too many. */
function withBranches(base: TokenTree, other: TokenTree, count: number, maxLeaves: number): TokenTree {
  const tokens = Array.from(base.tokens);
  const parents = Array.from(base.parents);
  const inner = new Set<NodeIndex>([ROOT, ...parents]);
  const places: NodeIndex[] = [];
  for (let node = 0; node < Math.min(count, other.numNodes); node++) {
    const above = other.parents[node]!;
    const parent = above === ROOT ? ROOT : places[above];
    const token = other.tokens[node]!;
    const known = parents.findIndex((one, index) => one === parent && tokens[index] === token);
    const numLeaves = tokens.length - (inner.size - 1);
    if (parent === undefined || (known === -1 && inner.has(parent) && numLeaves >= maxLeaves)) continue;
    places[node] = known === -1 ? tokens.length : known;
    if (known !== -1) continue;
    inner.add(parent);
    tokens.push(token);
    parents.push(parent);
  }
  return new TokenTree(tokens, parents);
}

/** [part.numNodes]: where the nodes of a part are in the whole; -1 where they are not. */
function placesIn(whole: TokenTree, part: TokenTree): Int32Array {
  const places = new Int32Array(part.numNodes).fill(-1);
  for (let node = 0; node < part.numNodes; node++) {
    const above = part.parents[node]!;
    const parent = above === ROOT ? ROOT : places[above]!;
    if (above !== ROOT && parent === -1) continue;
    const children = whole.children(parent);
    places[node] = children.find((child) => whole.tokens[child] === part.tokens[node]) ?? -1;
  }
  return places;
}

/** Candidates after the nodes of a part; none where it has nodes that were not decoded. */
function rowsAt(candidates: readonly ArrayLike<TokenId>[], places: Int32Array): ArrayLike<TokenId>[] {
  return Array.from(places, (place) => (place < 0 ? [] : (candidates[place + 1] ?? [])));
}

function firstOf(row: ArrayLike<TokenId>, count: number): ArrayLike<TokenId> {
  return row.length <= count ? row : Array.from(row).slice(0, count);
}

/** Rows and, behind them, rows of single tokens. */
function defaultJoin(rows: DistributionRows, tokens: readonly TokenId[]): DistributionRows {
  const behind = tokens.map((token): Distribution => oneHot(token));
  return {
    numRows: rows.numRows + behind.length,
    row: (index) => (index < rows.numRows ? rows.row(index) : behind[index - rows.numRows]!),
    release: () => rows.release?.(),
  };
}
