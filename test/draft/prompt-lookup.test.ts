import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PromptLookupDrafter } from '../../src/draft/prompt-lookup.js';
import type { TokenId } from '../../src/types.js';
import { describeDrafterContract } from '../contracts/drafter.js';
import { requestFor } from '../helpers/draft-requests.js';

describeDrafterContract('prompt-lookup', {
  create: () => new PromptLookupDrafter({ numDraft: 4 }),
  prompt: [1, 2, 3, 4, 1, 2],
  outputs: [
    [3, 1],
    [3, 2],
  ],
});

async function lookUp(tokens: readonly TokenId[], numDraft = 4) {
  const drafter = new PromptLookupDrafter({ numDraft });
  await drafter.begin(tokens);
  const { tree } = await drafter.draft(requestFor(tokens));
  expect(tree.isChain).toBe(true);
  return Array.from(tree.tokens);
}

/** The rule, by a search over the text. */
function reference(tokens: readonly TokenId[], numDraft: number): TokenId[] {
  const { length } = tokens;
  for (let ngram = Math.min(3, length - 1); ngram > 0; ngram--) {
    for (let from = length - 1; from >= ngram; from--) {
      const isMatch = tokens
        .slice(length - ngram)
        .every((token, index) => token === tokens[from - ngram + index]);
      if (!isMatch) continue;
      const period = length - from;
      return Array.from({ length: numDraft }, (_, offset) => tokens[from + (offset % period)]!);
    }
  }
  return [];
}

describe('prompt lookup', () => {
  it('drafts what followed the last three tokens rather than what followed the last one', async () => {
    expect(await lookUp([1, 2, 3, 9, 8, 7, 6, 3, 5, 5, 1, 2, 3], 2)).toEqual([9, 8]);
  });

  it('takes the latest of several occurrences', async () => {
    expect(await lookUp([1, 2, 5, 6, 1, 2, 7, 8, 1, 2], 2)).toEqual([7, 8]);
  });

  it('falls back to fewer tokens, and drafts nothing for a token that is new', async () => {
    expect(await lookUp([3, 4, 5, 9, 3], 2)).toEqual([4, 5]);
    expect(await lookUp([3, 4, 5])).toEqual([]);
    expect(await lookUp([3])).toEqual([]);
  });

  it('copies on into its own draft where the match is near the end', async () => {
    expect(await lookUp([9, 1, 2, 1, 2], 5)).toEqual([1, 2, 1, 2, 1]);
  });

  it('says what a search over the text says', async () => {
    const texts = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(texts, async (tokens) => {
        expect(await lookUp(tokens)).toEqual(reference(tokens, 4));
      }),
      { numRuns: 300 },
    );
  });

  it('drafts after any rollback what a fresh drafter drafts', async () => {
    const texts = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(texts, texts, fc.nat(30), async (one, other, kept) => {
        const drafter = new PromptLookupDrafter({ numDraft: 4 });
        await drafter.begin(one);
        drafter.rollback(Math.min(kept, one.length));
        const tokens = [...one.slice(0, kept), ...other];
        const { tree } = await drafter.draft(requestFor(tokens));
        expect(Array.from(tree.tokens)).toEqual(await lookUp(tokens));
      }),
    );
  });

  it('is surer after longer matches, and learns from what became of its drafts', async () => {
    const confidencesOf = async (drafter: PromptLookupDrafter, tokens: readonly TokenId[]) => {
      await drafter.begin(tokens);
      return Array.from((await drafter.draft(requestFor(tokens))).confidences!);
    };
    const drafter = new PromptLookupDrafter({ numDraft: 4 });
    const long = await confidencesOf(drafter, [1, 2, 3, 4, 1, 2, 3]);
    const short = await confidencesOf(drafter, [1, 2, 3, 4, 5, 3]);
    expect(short[0]).toBeLessThan(long[0]!);
    for (let round = 0; round < 100; round++) {
      await confidencesOf(drafter, [1, 2, 3, 4, 5, 3]);
      drafter.accept([4, 9]);
    }
    const learnt = await confidencesOf(drafter, [1, 2, 3, 4, 5, 3]);
    expect(learnt[0]).toBeGreaterThan(0.9);
    expect(learnt[1]).toBeLessThan(0.1);
    expect(learnt[2]).toBe(short[2]);
  });

  it('forgets the oldest tokens beyond its limit', async () => {
    const drafter = new PromptLookupDrafter({ numDraft: 2, maxTokens: 8 });
    const tokens = [1, 2, 3, 10, 11, 12, 13, 14, 15, 1];
    await drafter.begin(tokens);
    expect((await drafter.draft(requestFor(tokens))).tree.numNodes).toBe(0);
  });
});
