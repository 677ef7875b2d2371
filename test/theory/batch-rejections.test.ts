import { describe, expect, it } from 'vitest';
import { expectedBatchRejections } from '../../src/theory/batch-rejections.js';
import { expectedRejections } from '../../src/theory/expected-rejections.js';
import { rootRejection } from '../../src/theory/root-rejection.js';
import { enumerateTrees } from '../helpers/enumerate-drafts.js';
import { after, enumerateDecoding } from '../helpers/enumerate-decoding.js';
import { recursive } from '../helpers/rules.js';
import { dense, randomModel } from '../helpers/table-model.js';

const pairOf = (seed: number, size: number, zeroShare = 0) => ({
  target: randomModel(seed, size, zeroShare),
  draft: randomModel(seed + 500, size, zeroShare),
});

describe('the rejection of all root drafts', () => {
  it('of two tokens is (b - a) (1 - a)^(M - 1)', () => {
    const [target, draft] = [dense(0.3, 0.7), dense(0.8, 0.2)];
    const wanted = [0.5, 0.4, 0.32, 0.256, 0.2048];
    wanted.forEach((value, index) =>
      expect(rootRejection(target, draft, index + 1).probability).toBeCloseTo(value, 14),
    );
    expect(rootRejection(target, draft, Infinity).probability).toBe(0);
  });

  it('is never where laws agree, always where they are disjoint, and (1 - p)^M of a sure draft', () => {
    const law = dense(0.2, 0.5, 0.3);
    expect(rootRejection(law, law, 3).probability).toBeCloseTo(0, 15);
    expect(rootRejection(dense(1, 0), dense(0, 1), 5).probability).toBe(1);
    // A sure draft is rejected once; the residual then has none of it.
    expect(rootRejection(law, dense(0, 1), 1).probability).toBeCloseTo(0.5, 14);
  });

  it('tends to what the draft never draws', () => {
    const [target, draft] = [dense(0.2, 0.3, 0.4, 0.1), dense(0.7, 0.2, 0, 0.1)];
    const limit = rootRejection(target, draft, Infinity);
    expect(limit.probability).toBeCloseTo(0.4, 14);
    expect(rootRejection(target, draft, 2000).probability).toBeCloseTo(0.4, 12);
    expect(Array.from(limit.recovered.ids)).toEqual([2]);
  });
});

describe('expected rejections with several drafts', () => {
  it.each([
    { seed: 1, numDrafts: 2, numTokens: 3 },
    { seed: 2, numDrafts: 2, numTokens: 3 },
    { seed: 3, numDrafts: 3, numTokens: 2 },
  ])('are those of every text, seed $seed, $numDrafts drafts', ({ seed, numDrafts, numTokens }) => {
    const { target, draft } = pairOf(seed, 2);
    const drafts = (history: readonly number[]) => {
      const widths = [numDrafts, ...new Array<number>(numTokens - history.length - 1).fill(1)];
      return enumerateTrees(after(draft, history), widths, 'withReplacement');
    };
    const { rejections } = enumerateDecoding(recursive, target, drafts, numTokens);
    const expected = expectedBatchRejections(target.next, draft.next, { numTokens, numDrafts });
    expect(expected).toBeCloseTo(rejections, 12);
  });

  it('with one are the sum of total variations', () => {
    const { target, draft } = pairOf(4, 3, 0.2);
    const one = expectedBatchRejections(target.next, draft.next, { numTokens: 4, numDrafts: 1 });
    expect(one).toBeCloseTo(expectedRejections(target.next, draft.next, 4), 12);
  });

  it('fall with the drafts to a limit above 0', () => {
    const { target, draft } = pairOf(5, 3, 0.2);
    const of = (numDrafts: number): number =>
      expectedBatchRejections(target.next, draft.next, { numTokens: 2, numDrafts });
    const values = [1, 2, 4, 8, 16, 20_000].map(of);
    values.slice(1).forEach((value, index) => expect(value).toBeLessThanOrEqual(values[index]! + 1e-12));
    expect(of(Infinity)).toBeCloseTo(values.at(-1)!, 6);
    expect(of(Infinity)).toBeGreaterThan(0.1);
  });
});
