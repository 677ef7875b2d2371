import { ArrayRows, probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { TokenTree, type NodeIndex, type SiblingDraws } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
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

/**
 * Every tree in which each node at depth d has `widths[d]` children, drawn from the row of its path.
 * Without replacement a row gives at most as many siblings as its support holds.
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
        rows: [...draft.rows, ...draw.tokens.map(() => row)],
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
  readonly probability: number;
}

function drawSiblings(row: Distribution, count: number, siblings: SiblingDraws): SiblingDraw[] {
  const drawMore = (draw: SiblingDraw, massLeft: number): SiblingDraw[] => {
    const choices = Array.from(row.ids).filter(
      (token) => siblings === 'withReplacement' || !draw.tokens.includes(token),
    );
    if (draw.tokens.length === count || choices.length === 0) return [draw];
    return choices.flatMap((token) => {
      const prob = probabilityOf(row, token);
      const probability = (draw.probability * prob) / massLeft;
      const rest = siblings === 'withReplacement' ? massLeft : massLeft - prob;
      return drawMore({ tokens: [...draw.tokens, token], probability }, rest);
    });
  };
  return drawMore({ tokens: [], probability: 1 }, 1);
}
