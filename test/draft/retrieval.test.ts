import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { continuationTree } from '../../src/draft/continuation-tree.js';
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
    expect(paths(await draftFrom('small', [9, 9, 2, 3]))).toEqual({
      '4': 2 / 3,
      '9': 1 / 3,
      '4 5': 1 / 2,
      '4 6': 1 / 2,
    });
    expect(paths(await draftFrom('small', [7, 2, 3]))).toEqual({ '4': 1, '4 6': 1 });
  });

  it('drafts nothing where no suffix is long enough, or no node is wanted', async () => {
    expect((await draftFrom('small', [9, 9, 3])).tree.numNodes).toBe(0);
    expect((await draftFrom('small', [9, 9, 3], { shortestMatch: 1 })).tree.numNodes).toBeGreaterThan(0);
    expect((await draftFrom('small', [7, 2, 3], { shortestMatch: 4 })).tree.numNodes).toBe(0);
    expect((await draftFrom('small', [7, 2, 3], { budget: 0 })).tree.numNodes).toBe(0);
    expect((await draftFrom('small', [])).tree.numNodes).toBe(0);
  });

  it('reads no more tokens than asked for, and looks at no longer a suffix', async () => {
    expect(paths(await draftFrom('small', [1, 2, 3], { continuationLength: 1 }))).toEqual({ '4': 1 });
    const short = await draftFrom('small', [1, 2, 3], { longestMatch: 2, continuationLength: 1 });
    expect(paths(short)).toEqual({ '4': 2 / 3, '9': 1 / 3 });
  });

  it('spreads the places it looks at over all there are', async () => {
    const documents = Array.from({ length: 400 }, (_, index) => [index % 4, 7, index % 4]);
    await writeDocuments(file('many'), documents);
    const { tree, confidences } = await draftFrom('many', [9, 7], { shortestMatch: 1, maxMatches: 8 });
    expect(Array.from(tree.tokens).sort()).toEqual([0, 1, 2, 3]);
    expect(Array.from(confidences!)).toEqual([0.25, 0.25, 0.25, 0.25]);
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
  const continuations = fc.array(fc.array(token, { maxLength: 6 }), { minLength: 1, maxLength: 30 });
  const bounds = fc.record({
    maxNodes: fc.integer({ min: 1, max: 12 }),
    maxLeaves: fc.integer({ min: 1, max: 6 }),
  });

  it('has the most frequent beginnings, within its bounds, and their shares of their parents', () => {
    fc.assert(
      fc.property(continuations, bounds, (all, { maxNodes, maxLeaves }) => {
        const { tree, confidences } = continuationTree(all, { maxNodes, maxLeaves });
        const countOf = (path: readonly number[]): number =>
          all.filter((tokens) => path.every((own, index) => tokens[index] === own)).length;
        const pathOf = (node: number): number[] => tree.path(node).map((ancestor) => tree.tokens[ancestor]!);
        expect(tree.numNodes).toBeLessThanOrEqual(maxNodes);
        expect(numLeaves(tree)).toBeLessThanOrEqual(maxLeaves);
        const kept = Array.from(tree.tokens.keys(), pathOf);
        for (const [node, path] of kept.entries()) {
          expect(confidences[node]).toBeCloseTo(countOf(path) / countOf(path.slice(0, -1)), 12);
        }
        expect(new Set(kept.map(String)).size).toBe(kept.length);
        const beginnings = new Map(
          all.flatMap((tokens) =>
            tokens.map((_, index) => [String(tokens.slice(0, index + 1)), tokens.slice(0, index + 1)]),
          ),
        );
        if (maxLeaves < maxNodes) return;
        expect(kept.length).toBe(Math.min(maxNodes, beginnings.size));
        const counts = [...beginnings.values()].map(countOf).sort((left, right) => right - left);
        expect(kept.map(countOf)).toEqual(counts.slice(0, kept.length));
      }),
      { numRuns: 300 },
    );
  });

  it('is a chain where one leaf is allowed', () => {
    const all = [
      [1, 2, 3],
      [1, 4, 5],
      [1, 2, 6],
    ];
    const { tree } = continuationTree(all, { maxNodes: 9, maxLeaves: 1 });
    expect(tree.isChain).toBe(true);
    expect(Array.from(tree.tokens)).toEqual([1, 2, 3]);
    expect(tree.parents[0]).toBe(ROOT);
  });
});
