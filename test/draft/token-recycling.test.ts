import { beforeEach, describe, expect, it } from 'vitest';
import { TokenRecyclingDrafter } from '../../src/draft/token-recycling.js';
import type { TokenId } from '../../src/types.js';
import { describeDrafterContract } from '../contracts/drafter.js';
import { requestFor } from '../helpers/draft-requests.js';

const vocabSize = 16;

/** Decodes `token` alone, after which the target finds `candidates` likely. */
async function teach(drafter: TokenRecyclingDrafter, token: TokenId, candidates: readonly TokenId[]) {
  await drafter.draft(requestFor([token], { maxNodes: 0 }));
  drafter.accept([candidates[0]!], [], [candidates]);
}

async function taught(maxNodes: number, maxLeaves?: number): Promise<TokenRecyclingDrafter> {
  const drafter = new TokenRecyclingDrafter({ vocabSize, maxNodes, maxLeaves });
  for (let token = 0; token < 8; token++)
    await teach(drafter, token, [(token + 1) % 8, (token + 3) % 8, (token + 4) % 8]);
  return drafter;
}

describeDrafterContract('token-recycling', {
  create: () => taught(4),
  prompt: [1, 2],
  outputs: [
    [3, 4],
    [6, 7],
  ],
});

describeDrafterContract('token-recycling with few leaves', {
  create: () => taught(8, 2),
  prompt: [1, 2],
  outputs: [
    [3, 4],
    [6, 7],
  ],
});

describe('token recycling', () => {
  let drafter: TokenRecyclingDrafter;
  beforeEach(() => void (drafter = new TokenRecyclingDrafter({ vocabSize, maxNodes: 6 })));
  const draft = async (token: TokenId) => (await drafter.draft(requestFor([3, token]))).tree;

  it('drafts nothing before anything was decoded', async () => {
    expect((await draft(0)).numNodes).toBe(0);
  });

  it('asks for eight candidates and keeps no more', async () => {
    expect(drafter.numCandidates).toBe(8);
    drafter = new TokenRecyclingDrafter({ vocabSize, maxNodes: 100 });
    await teach(drafter, 1, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(Array.from((await draft(1)).tokens)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('drafts the likeliest tokens of the last time, and what was likely after them', async () => {
    await teach(drafter, 1, [2, 3]);
    await teach(drafter, 2, [5]);
    const tree = await draft(1);
    expect(tree.children(-1).map((node) => tree.tokens[node])).toEqual([2, 3]);
    expect(tree.children(0).map((node) => tree.tokens[node])).toEqual([5]);
    expect(tree.numNodes).toBe(3);
  });

  it('keeps the candidates of every node, accepted or not', async () => {
    await teach(drafter, 1, [2, 3]);
    await draft(1);
    drafter.accept([2, 7], [0], [[2, 4], [7], [8, 9]]);
    expect(Array.from((await draft(2)).tokens)).toEqual([7]);
    expect(Array.from((await draft(3)).tokens)).toEqual([8, 9]);
    expect(Array.from((await draft(1)).tokens)).toContain(4);
  });

  it('forgets the candidates of the time before, even where there are fewer now', async () => {
    await teach(drafter, 1, [2, 3, 4]);
    await teach(drafter, 1, [5]);
    expect(Array.from((await draft(1)).tokens)).toEqual([5]);
  });

  it('keeps what it knows of a token whose candidates are not told', async () => {
    await teach(drafter, 1, [2, 3]);
    await draft(1);
    drafter.accept([9], [], [[], [5], []]);
    expect(Array.from((await draft(1)).tokens)).toEqual([2, 5, 3]);
  });

  it('keeps the later of two nodes of one token', async () => {
    await teach(drafter, 1, [2]);
    await teach(drafter, 2, [2]);
    const tree = (await drafter.draft(requestFor([1], { maxNodes: 2 }))).tree;
    expect(Array.from(tree.tokens)).toEqual([2, 2]);
    drafter.accept([9], [], [[9], [4], [6]]);
    expect(Array.from((await draft(2)).tokens)).toEqual([6]);
  });

  it('ignores a candidate that is named twice, and rows of tokens beyond the vocabulary', async () => {
    await teach(drafter, 1, [2, 2, 3]);
    await teach(drafter, vocabSize, [1]);
    expect(Array.from((await draft(1)).tokens)).toEqual([2, 3]);
    expect((await draft(vocabSize)).numNodes).toBe(0);
  });

  it('is surer of earlier ranks, and learns how often each is accepted', async () => {
    await teach(drafter, 1, [2, 3]);
    const confidences = async () => Array.from((await drafter.draft(requestFor([1]))).confidences!);
    const before = await confidences();
    expect(before[0]).toBeGreaterThan(before[1]!);
    for (let round = 0; round < 2000; round++) {
      await confidences();
      drafter.accept([3, 0], [1]);
    }
    // A later rank is never said to be likelier than an earlier one.
    expect((await confidences())[0]).toBeLessThan(0.05);
    expect((await confidences())[1]).toBeLessThan(0.05);
    for (let round = 0; round < 20_000; round++) {
      await confidences();
      drafter.accept([2, 0], [0]);
    }
    expect((await confidences())[0]).toBeGreaterThan(0.9);
  });

  it('grows by what it has learnt from the next generation on', async () => {
    drafter = new TokenRecyclingDrafter({ vocabSize, maxNodes: 3 });
    for (let token = 0; token < 8; token++) await teach(drafter, token, [token + 1, token + 2]);
    const shape = async () => Array.from((await draft(0)).parents);
    const first = await shape();
    expect(first).toEqual([-1, 0, 1]);
    for (let round = 0; round < 500; round++) {
      await draft(0);
      drafter.accept([9], []);
    }
    expect(await shape()).toEqual(first);
    await drafter.begin([0]);
    expect(await shape()).toEqual([-1, -1, 0]);
  });
});
