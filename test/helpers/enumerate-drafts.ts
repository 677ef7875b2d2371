import { ArrayRows, oneHot, probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { TokenTree, type NodeIndex, type SiblingDraws } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import { topAndRest } from '../../src/verify/greedy-multi-draft.js';
import type { TableModel } from './table-model.js';

/** One draft of a round and the probability of drafting it. */
export interface WeightedDraft {
  readonly tree: TokenTree;
  /** [numNodes]; undefined for a deterministic drafter. */
  readonly draftProbs: ArrayRows | undefined;
  readonly probability: number;
}

interface PartialDraft {
  readonly tokens: readonly TokenId[];
  readonly parents: readonly NodeIndex[];
  readonly rows: readonly Distribution[];
  readonly probability: number;
}

const nothing: PartialDraft = { tokens: [], parents: [], rows: [], probability: 1 };

function finish(draft: PartialDraft): WeightedDraft {
  return {
    tree: new TokenTree(draft.tokens, draft.parents),
    draftProbs: new ArrayRows(draft.rows),
    probability: draft.probability,
  };
}

function extend(draft: PartialDraft, token: TokenId, row: Distribution, probability: number): PartialDraft {
  return {
    tokens: [...draft.tokens, token],
    parents: [...draft.parents, draft.tokens.length - 1],
    rows: [...draft.rows, row],
    probability: draft.probability * probability,
  };
}

/** When a chain ends early: before the draw, or by throwing away what was drawn. */
export interface ChainStop {
  readonly beforeDraw?: (row: Distribution) => boolean;
  readonly dropsDrawn?: (row: Distribution, token: TokenId) => boolean;
}

/** Every chain of up to `length` tokens drawn from `draftModel`. */
export function enumerateChains(
  draftModel: TableModel,
  length: number,
  stop: ChainStop = {},
): WeightedDraft[] {
  const grow = (draft: PartialDraft): PartialDraft[] => {
    if (draft.tokens.length === length) return [draft];
    const row = draftModel.next(draft.tokens);
    if (stop.beforeDraw?.(row)) return [draft];
    return Array.from(row.ids).flatMap((token) => {
      const drawn = extend(draft, token, row, probabilityOf(row, token));
      return stop.dropsDrawn?.(row, token) ? [{ ...draft, probability: drawn.probability }] : grow(drawn);
    });
  };
  return grow(nothing).map(finish);
}

/** The one chain of a deterministic drafter: the likeliest token each time, the smallest id on ties. */
export function greedyChain(draftModel: TableModel, length: number): WeightedDraft {
  const tokens: TokenId[] = [];
  for (let depth = 0; depth < length; depth++) {
    const { ids, probs } = draftModel.next(tokens);
    tokens.push(ids[probs.indexOf(Math.max(...probs))]!);
  }
  return { tree: TokenTree.chain(tokens), draftProbs: undefined, probability: 1 };
}

/** The one tree of a deterministic drafter: the likeliest tokens below each node, the smaller id on ties. */
export function greedyTree(draftModel: TableModel, widths: readonly number[]): WeightedDraft {
  const tokens: TokenId[] = [];
  const parents: NodeIndex[] = [];
  const paths: TokenId[][] = [[]];
  for (let node = -1; node < tokens.length; node++) {
    const path = paths[node + 1]!;
    for (const token of topAndRest(draftModel.next(path), widths[path.length] ?? 0).top) {
      tokens.push(token);
      parents.push(node);
      paths.push([...path, token]);
    }
  }
  return { tree: new TokenTree(tokens, parents), draftProbs: undefined, probability: 1 };
}

/**
 * Every tree in which each node at depth d has `widths[d]` children, drawn from the row of its path.
 * Without replacement a row gives at most as many siblings as its support holds, and each is drawn from what is left.
 */
export function enumerateTrees(
  draftModel: TableModel,
  widths: readonly number[],
  siblings: Exclude<SiblingDraws, 'deterministic'>,
): WeightedDraft[] {
  const grow = (draft: PartialDraft, node: NodeIndex): PartialDraft[] => {
    if (node === draft.tokens.length) return [draft];
    const path = pathTokens(draft, node);
    const row = draftModel.next(path);
    return drawSiblings(row, widths[path.length] ?? 0, siblings).flatMap((draw) => {
      const grown: PartialDraft = {
        tokens: [...draft.tokens, ...draw.tokens],
        parents: [...draft.parents, ...draw.tokens.map(() => node)],
        rows: [...draft.rows, ...draw.rows],
        probability: draft.probability * draw.probability,
      };
      return grow(grown, node + 1);
    });
  };
  return grow(nothing, -1).map(finish);
}

function pathTokens(draft: PartialDraft, node: NodeIndex): TokenId[] {
  const path: TokenId[] = [];
  for (let current = node; current !== -1; current = draft.parents[current]!)
    path.unshift(draft.tokens[current]!);
  return path;
}

interface SiblingDraw {
  readonly tokens: readonly TokenId[];
  /** What each was drawn from. */
  readonly rows: readonly Distribution[];
  readonly probability: number;
}

/** Every way to draw `count` siblings, or as many as the row has. */
export function drawSiblings(
  row: Distribution,
  count: number,
  siblings: Exclude<SiblingDraws, 'deterministic'>,
): SiblingDraw[] {
  const start =
    siblings === 'topThenSampled' ? topTokens(row, count - 1) : { tokens: [], rows: [], probability: 1 };
  const drawMore = (draw: SiblingDraw): SiblingDraw[] => {
    const rest = siblings === 'withReplacement' ? row : without(row, draw.tokens);
    if (draw.tokens.length >= count || rest.ids.length === 0) return [draw];
    return Array.from(rest.ids).flatMap((token) =>
      drawMore({
        tokens: [...draw.tokens, token],
        rows: [...draw.rows, rest],
        probability: draw.probability * probabilityOf(rest, token),
      }),
    );
  };
  return drawMore(start);
}

function topTokens(row: Distribution, count: number): SiblingDraw {
  const tokens = topAndRest(row, Math.max(0, count)).top;
  return { tokens, rows: tokens.map(oneHot), probability: 1 };
}

/** The row without some tokens, normalised. */
export function without(row: Distribution, tokens: readonly TokenId[]): Distribution {
  const kept = Array.from(row.ids.keys()).filter((index) => !tokens.includes(row.ids[index]!));
  const mass = kept.reduce((sum, index) => sum + row.probs[index]!, 0);
  return {
    ids: Int32Array.from(kept, (index) => row.ids[index]!),
    probs: Float64Array.from(kept, (index) => row.probs[index]! / mass),
  };
}

/** Decides, from what was drawn so far, where the next node goes: below a node, -1 being the root, or nowhere. */
export type GrowthPolicy = (tree: TokenTree, rowOf: (node: NodeIndex) => Distribution) => NodeIndex | 'stop';

/**
 * Every tree that a policy grows node by node: it sees all drawn tokens, and decides before the next is drawn.
 * @param rowOf in the policy: what a child of the node would be drawn from
 */
export function enumerateGrowth(
  draftModel: TableModel,
  policy: GrowthPolicy,
  siblings: 'withReplacement' | 'withoutReplacement',
): WeightedDraft[] {
  const grow = (draft: PartialDraft): PartialDraft[] => {
    const tree = new TokenTree(draft.tokens, draft.parents);
    const rowOf = (node: NodeIndex): Distribution => {
      const row = draftModel.next(pathTokens(draft, node));
      const drawn = tree.children(node).map((child) => draft.tokens[child]!);
      return siblings === 'withReplacement' ? row : without(row, drawn);
    };
    const parent = policy(tree, rowOf);
    if (parent === 'stop') return [draft];
    const row = rowOf(parent);
    return Array.from(row.ids).flatMap((token) =>
      grow({
        tokens: [...draft.tokens, token],
        parents: [...draft.parents, parent],
        rows: [...draft.rows, row],
        probability: draft.probability * probabilityOf(row, token),
      }),
    );
  };
  return grow(nothing).map(finish);
}
