import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { continuationTree, type Continuations } from '../../src/draft/continuation-tree.js';
import { openDatastore } from '../../src/draft/datastore.js';
import type { Draft, DraftRequest } from '../../src/draft/drafter.js';
import { RetrievalDrafter, type RetrievalOptions } from '../../src/draft/retrieval.js';
import { DisposedError } from '../../src/errors.js';
import { ROOT, type TokenTree } from '../../src/tree/token-tree.js';
import { describeDrafterContract } from '../contracts/drafter.js';
import { fingerprint, seededDocument, writeDocuments } from '../helpers/datastores.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-retrieval-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const open = (name: string, options?: RetrievalOptions) =>
  new RetrievalDrafter(openDatastore(file(name), fingerprint), options);

function request(tokens: readonly number[], maxNodes = 64): DraftRequest {
  return {
    tokens: Int32Array.from(tokens),
    maxNodes,
    sampling: {},
    needsDraftProbs: true,
    uniform: () => 0.5,
  };
}

/** Drafts once with a drafter of its own. */
async function draftFrom(
  name: string,
  tokens: readonly number[],
  options?: RetrievalOptions & { readonly budget?: number },
): Promise<Draft> {
  const { budget, ...own } = options ?? {};
  const drafter = open(name, own);
  try {
    return await drafter.draft(request(tokens, budget));
  } finally {
    await drafter.dispose();
  }
}

/** Each node's path, and how sure the drafter is of it. */
function paths({ tree, confidences }: Draft): Record<string, number> {
  const entries = Array.from(tree.tokens, (_, node) => {
    const tokens = tree.path(node).map((ancestor) => tree.tokens[ancestor]);
    return [tokens.join(' '), confidences![node]!];
  });
  return Object.fromEntries(entries);
}

const numLeaves = (tree: TokenTree): number =>
  Array.from(tree.tokens.keys()).filter((node) => tree.children(node).length === 0).length;

beforeAll(async () => {
  await writeDocuments(file('small'), [
    [1, 2, 3, 4, 5],
    [7, 2, 3, 4, 6],
    [8, 2, 3, 9],
    [5, 5, 5, 5, 5],
  ]);
  await writeDocuments(file('random'), [seededDocument(1, 5000, 6)], { chunkTokens: 1024 });
});

describeDrafterContract('retrieval', {
  create: () => open('random', { maxNodes: 4 }),
  prompt: seededDocument(1, 20, 6),
  outputs: [seededDocument(1, 22, 6).slice(20), [0, 5]],
});

describe('the retrieval drafter', () => {
  it('drafts what followed the longest suffix, by how often it did', async () => {
    // A count of two loses 0.9 and one of one 0.6 after two tokens, 0.5 after three.
    const drafted = paths(await draftFrom('small', [9, 9, 2, 3]));
    expect(Object.keys(drafted)).toEqual(['4', '9', '4 5', '4 6']);
    expect(drafted['4']).toBeCloseTo((2 - 0.9) / 3, 12);
    expect(drafted['9']).toBeCloseTo((1 - 0.6) / 3, 12);
    expect(drafted['4 5']).toBeCloseTo((1 - 0.5) / 2, 12);
    expect(drafted['4 6']).toBeCloseTo((1 - 0.5) / 2, 12);
  });

  it('looks at what followed shorter suffixes, too, where the longest one is rare', async () => {
    const drafted = paths(await draftFrom('small', [6, 7, 2, 3]));
    // Once after three tokens; what that leaves goes to the three places after one token.
    expect(drafted['4']).toBeCloseTo(1 - 0.5 + (0.5 * (2 - 1.05)) / 3, 12);
    expect(drafted['9']).toBeCloseTo((0.5 * (1 - 0.7)) / 3, 12);
    const one = paths(await draftFrom('small', [6, 7, 2, 3], { maxMatches: 1 }));
    expect(one).toEqual({ '4': 0.5, '4 6': 0.6 });
  });

  it('is the surer the longer the match and the more often it went on so', async () => {
    const documents = (times: number) => Array.from({ length: times }, () => [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await writeDocuments(file('once'), documents(1));
    await writeDocuments(file('thrice'), documents(3));
    const sureOf = async (name: string, context: readonly number[]): Promise<number> =>
      (await draftFrom(name, context)).confidences![0]!;
    const once = await Promise.all([[8], [7, 8], [5, 6, 7, 8]].map((context) => sureOf('once', context)));
    expect(once).toEqual([...once].sort());
    expect(new Set(once).size).toBe(3);
    expect(once.at(-1)).toBeLessThan(1);
    expect(await sureOf('thrice', [7, 8])).toBeGreaterThan(once[1]!);
  });

  it('drafts nothing where no suffix is long enough, or no node is wanted', async () => {
    expect((await draftFrom('small', [9, 9, 3], { shortestMatch: 2 })).tree.numNodes).toBe(0);
    expect((await draftFrom('small', [9, 9, 3])).tree.numNodes).toBeGreaterThan(0);
    expect((await draftFrom('small', [7, 2, 3], { shortestMatch: 4 })).tree.numNodes).toBe(0);
    expect((await draftFrom('small', [7, 2, 3], { budget: 0 })).tree.numNodes).toBe(0);
    expect((await draftFrom('small', [])).tree.numNodes).toBe(0);
  });

  it('reads no more tokens than asked for, and looks at no longer a suffix', async () => {
    const drafted = async (options: RetrievalOptions) =>
      Object.keys(paths(await draftFrom('small', [1, 2, 3], { ...options, continuationLength: 1 })));
    expect(await drafted({ shortestMatch: 2 })).toEqual(['4']);
    expect(await drafted({ longestMatch: 2 })).toEqual(['4', '9']);
  });

  it('spreads the places it looks at over all there are', async () => {
    const documents = Array.from({ length: 400 }, (_, index) => [index % 4, 7, index % 4]);
    await writeDocuments(file('many'), documents);
    const { tree, confidences } = await draftFrom('many', [9, 7], { shortestMatch: 1, maxMatches: 8 });
    expect(Array.from(tree.tokens).sort()).toEqual([0, 1, 2, 3]);
    expect(new Set(confidences).size).toBe(1);
  });

  it('ends with a typed error, not with a guess, when the datastore was cut meanwhile', async () => {
    await writeDocuments(file('cut'), [seededDocument(1, 5000, 6)]);
    const drafter = open('cut');
    truncateSync(file('cut'), 4096);
    await expect(drafter.draft(request([1, 2, 3]))).rejects.toThrow(
      expect.objectContaining({ code: 'DATASTORE_DAMAGED' }),
    );
    await drafter.dispose();
    await drafter.dispose();
    await expect(drafter.draft(request([1, 2, 3]))).rejects.toThrow(DisposedError);
  });

  it.each([
    { longestMatch: 33 },
    { longestMatch: 0 },
    { shortestMatch: 17 },
    { maxMatches: 0 },
    { continuationLength: 33 },
    { maxNodes: 0 },
    { maxLeaves: 1.5 },
  ])('refuses %o', (options) => {
    expect(() => open('small', options)).toThrow(RangeError);
  });
});

describe('a tree of continuations', () => {
  const token = fc.integer({ min: 0, max: 3 });
  const continuation = fc.array(token, { maxLength: 6 });
  const few = fc.array(continuation, { minLength: 1, maxLength: 8 });
  const bounds = fc.record({
    maxNodes: fc.integer({ min: 1, max: 12 }),
    maxLeaves: fc.integer({ min: 1, max: 6 }),
  });
  const startsWith = (tokens: readonly number[], path: readonly number[]): boolean =>
    path.every((own, index) => tokens[index] === own);
  const ofOne: Readonly<Record<number, number>> = {
    1: 0.7,
    2: 0.6,
    3: 0.5,
    4: 0.4,
    5: 0.37,
    6: 0.33,
    7: 0.28,
    8: 0.25,
  };

  /** The confidence of the end of a path, by counting all anew. */
  function naively(matches: readonly Continuations[], path: readonly number[]): number {
    let [probability, weight, longerTotal] = [0, 1, 0];
    for (const { matchLength, continuations } of matches) {
      const before = path.slice(0, -1);
      const following = continuations
        .filter((tokens) => tokens.length >= path.length && startsWith(tokens, before))
        .map((tokens) => tokens[before.length]!);
      if (following.length === longerTotal) continue;
      longerTotal = following.length;
      let left = 0;
      for (const one of new Set(following)) {
        const number = following.filter((other) => other === one).length;
        const discount = ofOne[matchLength + before.length]! * [1, 1.5, 2][Math.min(number, 3) - 1]!;
        if (one === path.at(-1)) probability += (weight * (number - discount)) / following.length;
        left += discount / following.length;
      }
      weight *= left;
    }
    return probability;
  }

  it('has the likeliest beginnings, within its bounds', () => {
    fc.assert(
      fc.property(few, few, bounds, (long, others, { maxNodes, maxLeaves }) => {
        const matches = [
          { matchLength: 2, continuations: long },
          { matchLength: 1, continuations: [...long, ...others] },
        ];
        const { tree, confidences } = continuationTree(matches, { maxNodes, maxLeaves });
        const pathOf = (node: number): number[] => tree.path(node).map((ancestor) => tree.tokens[ancestor]!);
        const kept = Array.from(tree.tokens.keys(), pathOf);
        expect(numLeaves(tree)).toBeLessThanOrEqual(maxLeaves);
        for (const [node, path] of kept.entries())
          expect(confidences[node]).toBeCloseTo(naively(matches, path), 12);
        const all = [...long, ...others].flatMap((tokens) =>
          tokens.map((_, index) => tokens.slice(0, index + 1)),
        );
        const beginnings = new Map(all.map((path) => [String(path), path]));
        expect(kept.length).toBeLessThanOrEqual(maxNodes);
        if (maxLeaves < maxNodes) return;
        const probability = (path: readonly number[]): number =>
          path.reduce((product, _, index) => product * naively(matches, path.slice(0, index + 1)), 1);
        const best = [...beginnings.values()].map(probability).sort((left, right) => right - left);
        expect(kept.length).toBe(Math.min(maxNodes, best.length));
        for (const [rank, path] of kept.entries()) expect(probability(path)).toBeCloseTo(best[rank]!, 12);
      }),
      { numRuns: 300 },
    );
  });

  it('is a chain where one leaf is allowed', () => {
    const continuations = [
      [1, 2, 3],
      [1, 4, 5],
      [1, 2, 6],
    ];
    const { tree } = continuationTree([{ matchLength: 1, continuations }], { maxNodes: 9, maxLeaves: 1 });
    expect(tree.isChain).toBe(true);
    expect(Array.from(tree.tokens)).toEqual([1, 2, 3]);
    expect(tree.parents[0]).toBe(ROOT);
  });
});
