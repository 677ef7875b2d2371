import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BackoffCounts } from '../../src/draft/backoff-counts.js';
import type { Draft } from '../../src/draft/drafter.js';
import { SuffixDrafter } from '../../src/draft/suffix.js';
import type { TokenId } from '../../src/types.js';
import { describeDrafterContract } from '../contracts/drafter.js';
import { requestFor } from '../helpers/draft-requests.js';

describeDrafterContract('suffix', {
  create: () => new SuffixDrafter({ maxNodes: 4 }),
  prompt: [1, 2, 3, 4, 1, 2],
  outputs: [
    [3, 1],
    [3, 2],
  ],
});

describeDrafterContract('suffix with few leaves', {
  create: () => new SuffixDrafter({ maxNodes: 8, maxLeaves: 2 }),
  prompt: [1, 2, 1, 3, 1, 4, 1, 5, 1],
  outputs: [
    [2, 1],
    [3, 1],
  ],
});

const token = fc.integer({ min: 0, max: 3 });
const texts = fc.array(token, { minLength: 1, maxLength: 40 });

const plain = ({ tree, confidences }: Draft) => ({
  tokens: Array.from(tree.tokens),
  parents: Array.from(tree.parents),
  confidences: Array.from(confidences!),
});

async function draftFor(tokens: readonly TokenId[], maxNodes = 8) {
  const drafter = new SuffixDrafter({ maxNodes });
  await drafter.begin(tokens);
  return drafter.draft(requestFor(tokens));
}

function probabilities(text: readonly TokenId[], path: readonly TokenId[] = []): Map<TokenId, number> {
  const counts = new BackoffCounts(1024, 8);
  counts.index.follow(text);
  counts.refresh(0);
  return new Map(counts.after(path, 0).map(({ token: id, confidence }) => [id, confidence]));
}

/** The rule, by a search over the text. */
function reference(text: readonly TokenId[], path: readonly TokenId[]): Map<TokenId, number> {
  const context = [...text, ...path];
  const result = new Map<TokenId, number>();
  const add = (id: TokenId, amount: number) => result.set(id, (result.get(id) ?? 0) + amount);
  let [weight, longer] = [1, ''];
  for (const [order, base] of [
    [16, 0.1],
    [8, 0.25],
    [4, 0.4],
    [2, 0.6],
    [1, 0.7],
  ] as const) {
    if (context.length < order) continue;
    const wanted = context.slice(-order).join();
    const places = text
      .map((_, end) => end)
      .filter((end) => end >= order && text.slice(end - order, end).join() === wanted);
    if (places.length === 0 || places.join() === longer) continue;
    longer = places.join();
    const counts = new Map<TokenId, number>();
    for (const end of places) counts.set(text[end]!, (counts.get(text[end]!) ?? 0) + 1);
    let left = 0;
    for (const [id, number] of counts) {
      const discount = base * [1, 1.5, 2][Math.min(number, 3) - 1]!;
      add(id, (weight * (number - discount)) / places.length);
      left += discount;
    }
    weight *= left / places.length;
  }
  for (const id of text) add(id, weight / text.length);
  return result;
}

describe('the probabilities of what comes next', () => {
  it('are those of a search over the text, after any path', () => {
    fc.assert(
      fc.property(texts, fc.array(token, { maxLength: 4 }), (text, path) => {
        const [got, wanted] = [probabilities(text, path), reference(text, path)];
        expect([...got.keys()].sort()).toEqual([...wanted.keys()].sort());
        for (const [id, probability] of wanted) expect(got.get(id)).toBeCloseTo(probability, 12);
      }),
      { numRuns: 500 },
    );
  });

  it('are right to an eighth of the least one asked for, and hold all that are larger', () => {
    const leasts = fc.double({ min: 0.001, max: 0.3, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 60 }), leasts, (text, least) => {
        const counts = new BackoffCounts(1024, 8);
        counts.index.follow(text);
        counts.refresh(least);
        const got = new Map(counts.after([], least).map(({ token: id, confidence }) => [id, confidence]));
        for (const [id, probability] of reference(text, [])) {
          if (probability > 1.125 * least) expect(got.has(id)).toBe(true);
          if (got.has(id)) expect(Math.abs(got.get(id)! - probability)).toBeLessThanOrEqual(least / 8);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('come from the latest 64 occurrences', () => {
    const passages = (number: number, first: number, last: TokenId): number[] =>
      Array.from({ length: number }, (_, index) => [first + index, 1, last]).flat();
    const afterLast = (number: number): number =>
      probabilities([...passages(200, 100, 2), ...passages(number, 500, 3), 900, 1]).get(2)!;
    expect(afterLast(64)).toBeLessThan(0.006);
    expect(afterLast(63)).toBeGreaterThan(0.01);
  });

  it('sum to one', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const sum = [...probabilities(text).values()].reduce((total, each) => total + each, 0);
        expect(sum).toBeCloseTo(1, 12);
      }),
    );
  });
});

describe('the suffix drafter', () => {
  it('drafts what followed a long match to the end of its budget', async () => {
    const passage = Array.from({ length: 30 }, (_, index) => 100 + index);
    const { tree } = await draftFor([...passage, 7, 8, 9, ...passage.slice(0, 12)]);
    expect(Array.from(tree.tokens.slice(0, 6))).toEqual(passage.slice(12, 18));
  });

  it('branches where different tokens followed, the more frequent one first', async () => {
    const { tree } = await draftFor([1, 2, 5, 9, 1, 2, 6, 8, 1, 2, 6, 7, 1, 2], 32);
    const [first, second] = tree.children(-1).map((node) => tree.tokens[node]);
    expect([first, second]).toEqual([6, 5]);
  });

  it('gives each node the probability that its counts give it, and takes the likeliest paths', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const { tree, confidences } = await draftFor(text);
        const pathProbabilities: number[] = [];
        for (let node = 0; node < tree.numNodes; node++) {
          const path = tree.path(node).map((each) => tree.tokens[each]!);
          const wanted = reference(text, path.slice(0, -1)).get(path.at(-1)!)!;
          expect(Math.abs(confidences![node]! - wanted)).toBeLessThan(0.005);
          const parent = tree.parents[node]!;
          pathProbabilities.push((pathProbabilities[parent] ?? 1) * confidences![node]!);
        }
        const falling = [...pathProbabilities].sort((one, other) => other - one);
        expect(pathProbabilities).toEqual(falling);
      }),
    );
  });

  it('never gives a node two children of one token', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const { tree } = await draftFor(text, 16);
        for (let node = -1; node < tree.numNodes; node++) {
          const children = tree.children(node).map((child) => tree.tokens[child]);
          expect(new Set(children).size).toBe(children.length);
        }
      }),
    );
  });

  it('leaves out what is too unlikely', async () => {
    const tokens = Array.from({ length: 50 }, (_, index) => index);
    const drafter = new SuffixDrafter({ minProbability: 0.05 });
    expect((await drafter.draft(requestFor(tokens))).tree.numNodes).toBe(0);
    expect((await draftFor(tokens)).tree.numNodes).toBeGreaterThan(0);
  });

  it('drafts after any rollback what a fresh drafter drafts', async () => {
    await fc.assert(
      fc.asyncProperty(texts, texts, fc.nat(30), async (one, other, kept) => {
        const drafter = new SuffixDrafter({ maxNodes: 8 });
        await drafter.begin(one);
        drafter.rollback(Math.min(kept, one.length));
        const tokens = [...one.slice(0, kept), ...other];
        expect(plain(await drafter.draft(requestFor(tokens)))).toEqual(plain(await draftFor(tokens)));
      }),
    );
  });

  it('drafts for any second prompt what a fresh drafter drafts', async () => {
    await fc.assert(
      fc.asyncProperty(texts, texts, async (one, other) => {
        const drafter = new SuffixDrafter({ maxNodes: 8 });
        await drafter.begin(one);
        await drafter.draft(requestFor(one));
        await drafter.begin(other);
        expect(plain(await drafter.draft(requestFor(other)))).toEqual(plain(await draftFor(other)));
      }),
    );
  });

  it('drafts for a prompt that goes on from the last one what a fresh drafter drafts', async () => {
    const drafter = new SuffixDrafter({ maxNodes: 8 });
    await drafter.begin([1, 2, 3, 1, 2]);
    const longer = [1, 2, 3, 1, 2, 3, 4, 1, 2];
    await drafter.begin(longer);
    expect(plain(await drafter.draft(requestFor(longer)))).toEqual(plain(await draftFor(longer)));
  });

  it('keeps no more than its limit of tokens', async () => {
    const drafter = new SuffixDrafter({ maxTokens: 1024 });
    const { numBytes } = drafter;
    await drafter.begin(Array.from({ length: 5000 }, (_, index) => (index * index) % 97));
    expect(drafter.numBytes).toBe(numBytes);
    expect(numBytes).toBe(64 * 1024);
  });
});
