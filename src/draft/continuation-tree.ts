// The likeliest beginnings of some continuations, as a tree. Knows nothing of where they were found.
import type { TokenId } from '../types.js';
import { growBestFirst, type GrownDraft, type NextToken } from './best-first.js';
import { addDiscounted } from './discounting.js';

/** What followed the last tokens of a context, wherever they were found. */
export interface Continuations {
  /** How many tokens were found. */
  readonly matchLength: number;
  /** [places] */
  readonly continuations: readonly (readonly TokenId[])[];
}

/** What {@link continuationTree} may keep. */
export interface TreeBounds {
  readonly maxNodes: number;
  readonly maxLeaves: number;
}

/** A beginning that some continuations share. */
interface Beginning {
  /** Continuations that begin so. */
  count: number;
  readonly next: Map<TokenId, Beginning>;
}

/**
 * The tree that is likeliest by how often continuations begin so. What follows a path is counted after the longest match
 * first; what the discounts leave goes to shorter ones, as {@link addDiscounted} says, each path being a longer match.
 * After the shortest one it is left to tokens that were never seen there, so that confidence grows with count and length.
 *
 * @param matches  longest first; the places of a longer match are among those of a shorter one
 */
export function continuationTree(
  matches: readonly Continuations[],
  { maxNodes, maxLeaves }: TreeBounds,
): GrownDraft {
  const roots = matches.map(({ matchLength, continuations }) => ({
    matchLength,
    root: countBeginnings(continuations),
  }));
  const next = (path: readonly TokenId[]): NextToken[] => {
    const probabilities = new Map<TokenId, number>();
    let weight = 1;
    let longerTotal = 0;
    for (const { matchLength, root } of roots) {
      const counts = Array.from(
        follow(root, path)?.next ?? [],
        ([token, { count }]) => [token, count] as const,
      );
      const total = counts.reduce((sum, [, count]) => sum + count, 0);
      // The same places, or fewer since not all were looked at: a shorter match says nothing new.
      if (total <= longerTotal) continue;
      longerTotal = total;
      weight = addDiscounted(probabilities, weight, matchLength + path.length, counts, total);
    }
    return Array.from(probabilities, ([token, confidence]) => ({ token, confidence }));
  };
  return growBestFirst(maxNodes, 0, next, maxLeaves);
}

function countBeginnings(continuations: readonly (readonly TokenId[])[]): Beginning {
  const root: Beginning = { count: continuations.length, next: new Map() };
  for (const continuation of continuations) {
    let beginning = root;
    for (const token of continuation) {
      const longer: Beginning = beginning.next.get(token) ?? { count: 0, next: new Map() };
      beginning.next.set(token, longer);
      longer.count++;
      beginning = longer;
    }
  }
  return root;
}

function follow(root: Beginning, path: readonly TokenId[]): Beginning | undefined {
  return path.reduce<Beginning | undefined>((beginning, token) => beginning?.next.get(token), root);
}
