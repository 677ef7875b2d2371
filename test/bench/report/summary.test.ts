import { describe, expect, it } from 'vitest';
import { trialName, type TrialHead } from '../../../src/bench/sample.js';
import { summarize } from '../../../src/bench/report/summary.js';
import {
  fakeHead,
  fakePair,
  fakeResults,
  fakeSample,
  fakeTrial,
  manyResults,
} from '../../helpers/bench-results.js';

const fast = { decodeMs: 400, wallMs: 500, firstTokenMs: 60 };
/** Two prompts: 100 tokens/s plain and 250 with the method, 50 plain and 100 with the method. */
const twoPrompts = [
  ...fakePair({ prompt: 'a' }, fast),
  ...fakePair({ prompt: 'b', decodeMs: 2000, wallMs: 2500 }, { decodeMs: 1000, wallMs: 1250 }),
];
const only = (results: Parameters<typeof summarize>[0]) => summarize(results).trials[0]!;

describe('speeds of a trial', () => {
  it('are means over answers, and the speedup is their ratio', () => {
    const { decoding } = only(fakeResults(twoPrompts));
    expect(decoding!.plain.mean).toBe(75);
    expect(decoding!.method.mean).toBe(175);
    expect(decoding!.speedup).toBe(175 / 75);
    expect(decoding!.plain.stdev).toBeCloseTo(Math.sqrt(2 * 25 ** 2), 10);
    expect(decoding!.interval).toEqual({ low: 2, high: 2.5 });
  });

  it("of Spec-Bench's protocol are of the whole answer, prompts included", () => {
    const { specBench } = only(fakeResults(twoPrompts));
    expect(specBench!.plain.mean).toBeCloseTo((100 / 1.05 + 40) / 2, 10);
    expect(specBench!.method.mean).toBeCloseTo((200 + 80) / 2, 10);
    expect(specBench!.speedup).toBeCloseTo(280 / (100 / 1.05 + 40), 10);
  });

  it('count the tokens that the time is of', () => {
    const samples = fakePair({}, { decodedTokens: 99, decodeMs: 990 });
    expect(only(fakeResults(samples)).decoding!.method.mean).toBe(100);
  });

  it('compare the time to the first token', () => {
    expect(only(fakeResults(twoPrompts)).firstTokenRatio).toBe(110 / 100);
  });

  it('leave out an answer of no token', () => {
    const empty = fakePair({ prompt: 'c', outputTokens: 0, decodedTokens: 0, decodeMs: 0 });
    expect(only(fakeResults([...twoPrompts, ...empty])).decoding!.speedup).toBe(175 / 75);
  });

  it('are not there when no answer has any', () => {
    const { status, decoding } = only(fakeResults(fakePair({ decodedTokens: 0 })));
    expect([status, decoding]).toEqual(['not measured', null]);
  });
});

describe('answers that are not those of plain decoding', () => {
  const other = (margin: number | null) => fakePair({ prompt: 'c' }, { isSame: false, margin, decodeMs: 1 });

  it('refuse a lossless trial', () => {
    const summary = only(fakeResults([...twoPrompts, ...other(0.3)]));
    expect(summary).toMatchObject({
      status: 'mismatch',
      decoding: null,
      specBench: null,
      firstTokenRatio: null,
    });
    expect(summary.reason).toBe('1 of 3 answers are not those of plain decoding');
  });

  it('refuse its categories with it', () => {
    const samples = [...fakePair({ category: 'code' }), ...other(0.3)];
    expect(only(fakeResults(samples)).categories.map(({ decoding }) => decoding)).toEqual([null, null]);
  });

  it('are left out of the speeds at a near tie, and counted', () => {
    const { status, decoding, likeness } = only(fakeResults([...twoPrompts, ...other(0.02)]));
    expect([status, decoding!.speedup, likeness.nearTie]).toEqual(['measured', 175 / 75, 1]);
  });

  it('leave nothing where all of them part at near ties', () => {
    const summary = only(fakeResults(other(0.02)));
    expect(summary).toMatchObject({ status: 'not measured', decoding: null });
    expect(summary.reason).toContain('within 0.05 nats');
  });

  it('of a lossy trial tell what its rule spent, over all output tokens', () => {
    const heads = [fakeHead(fakeTrial(), { lossless: false })];
    const samples = [
      ...fakePair({ prompt: 'a' }, { outputTokens: 30, bias: 3 }),
      ...fakePair({ prompt: 'b' }, { outputTokens: 10, bias: 0 }),
    ];
    expect(only(fakeResults(samples, { heads })).biasPerToken).toBe(3 / 40);
    expect(only(fakeResults(twoPrompts, { heads })).biasPerToken).toBeNull();
  });

  it('are no reason to refuse a lossy trial, which shows its quality instead', () => {
    const heads = [fakeHead(fakeTrial(), { lossless: false })];
    const audited = { isSame: false, margin: 0.01, quality: { totalVariation: 0.2, topAgreement: 0.9 } };
    const better = { ...audited, quality: { totalVariation: 0.1, topAgreement: 1 } };
    const samples = [
      ...fakePair({ prompt: 'a' }, { ...fast, ...audited }),
      ...fakePair({ prompt: 'b' }, { ...fast, ...better, margin: 2 }),
    ];
    const summary = only(fakeResults(samples, { heads }));
    expect(summary).toMatchObject({ status: 'measured', isLossless: false });
    expect(summary.decoding!.speedup).toBe(2.5);
    expect(summary.loss!.totalVariation).toBeCloseTo(0.15, 12);
    expect(summary.loss!.topAgreement).toBeCloseTo(0.95, 12);
  });
});

describe('a summary', () => {
  it('has figures of each category where there are several', () => {
    const samples = [
      ...fakePair({ prompt: 'a', category: 'code' }, fast),
      ...fakePair({ prompt: 'b', category: 'chat' }, { decodeMs: 500 }),
    ];
    const { categories } = only(fakeResults(samples));
    expect(categories.map(({ category, decoding }) => [category, decoding!.speedup])).toEqual([
      ['code', 2.5],
      ['chat', 2],
    ]);
    expect(only(fakeResults(twoPrompts)).categories).toEqual([]);
  });

  it('has the accuracy of both sides where both can be checked', () => {
    const samples = [
      ...fakePair({ prompt: 'a', isCorrect: true }, { isCorrect: false }),
      ...fakePair({ prompt: 'b', isCorrect: true }),
      ...fakePair({ prompt: 'c', isCorrect: null }, { isCorrect: true }),
    ];
    expect(only(fakeResults(samples)).accuracy).toEqual({ numChecked: 2, plain: 1, method: 0.5 });
    expect(only(fakeResults(twoPrompts)).accuracy).toBeNull();
  });

  it('keeps what a stopped run has, and says how much is missing', () => {
    const samples = [...twoPrompts, fakeSample({ side: 'plain', prompt: 'c' })];
    const summary = only(fakeResults(samples, { isComplete: false }));
    expect(summary).toMatchObject({ numPairs: 2, numExpected: 4, numUnpaired: 1, status: 'measured' });
  });

  it('has a row of a trial that failed or was not begun', () => {
    const trials = [fakeTrial(), fakeTrial({ workload: 'stories' })];
    const failures = [{ kind: 'failure' as const, trial: trialName(trials[0]!), message: 'out of memory' }];
    const { trials: rows } = summarize(
      fakeResults(twoPrompts, { trials, heads: [], failures, isComplete: false }),
    );
    expect(rows).toMatchObject([
      { status: 'failed', reason: 'out of memory', decoding: null },
      { status: 'not measured', numExpected: null },
    ]);
  });

  it('knows synthetic methods by name or by how they were asked for', () => {
    const synthetic = (method: string, head: Partial<TrialHead> = {}) => {
      const trial = fakeTrial({ method });
      return only(fakeResults([], { trials: [trial], heads: [fakeHead(trial, head)] })).isSynthetic;
    };
    expect([
      synthetic('synthetic:0.8'),
      synthetic('x', { achieved: { synthetic: true } }),
      synthetic('model'),
    ]).toEqual([...[true, true, false]]);
  });

  it('of the same results is the same', () => {
    expect(summarize(manyResults())).toEqual(summarize(manyResults()));
  });
});
