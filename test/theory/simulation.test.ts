// Theory against measurement: texts decoded by the real rules on Markov chains, and what the formulas say of them.
import { mean, sampleStandardDeviation } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { expectedBatchRejections } from '../../src/theory/batch-rejections.js';
import { expectedAcceptedTokens } from '../../src/theory/chain-acceptance.js';
import { expectedRejections } from '../../src/theory/expected-rejections.js';
import type { NextTokenLaw } from '../../src/theory/next-token-law.js';
import { optimalWithReplacement } from '../../src/theory/optimal-acceptance.js';
import { paretoPoint } from '../../src/theory/pareto-line.js';
import { recursiveAcceptance } from '../../src/theory/root-rejection.js';
import { BlockVerifier } from '../../src/verify/block.js';
import { GreedyMultiDraftVerifier } from '../../src/verify/greedy-multi-draft.js';
import { KSeqVerifier } from '../../src/verify/k-seq.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { ParetoVerifier } from '../../src/verify/pareto.js';
import { RecursiveVerifier } from '../../src/verify/recursive.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import { TraversalVerifier } from '../../src/verify/traversal.js';
import { randomTable } from '../fixtures/known-law.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { simulateDecoding, type DecodedText, type Decoding } from '../helpers/simulate-decoding.js';
import { dense } from '../helpers/table-model.js';

const size = 4;
const numTokens = 5;
const numTexts = Number(process.env['OUTRIDER_TEXTS'] ?? 4000);

/** The law after a token is its row of a random table; the first token follows token 0. */
function markovLaw(table: readonly (readonly number[])[]): NextTokenLaw {
  const rows = table.map((row) => dense(...row));
  return (history) => rows[history.at(-1) ?? 0]!;
}

const targetTable = randomTable(size, 11, 0.8);
const draftTable = randomTable(size, 12, 0.8).map((row, previous) =>
  row.map((probability, token) => (probability + targetTable[previous]![token]!) / 2),
);
const [target, draft] = [markovLaw(targetTable), markovLaw(draftTable)];

/** Decodes many texts; the figure of each has to have the expected mean within three standard errors. */
function expectMean(
  decoding: Pick<Decoding, 'verifier' | 'widths'> & { readonly numTokens?: number },
  figure: (text: DecodedText) => number,
  expected: number,
): void {
  const random = new SeededRandom(1, `${decoding.verifier.name} ${decoding.widths.join()}`);
  const figures = Array.from({ length: numTexts }, () =>
    figure(simulateDecoding({ target, draft, numTokens, ...decoding }, random)),
  );
  const error = sampleStandardDeviation(figures) / Math.sqrt(numTexts);
  expect(Math.abs(mean(figures) - expected)).toBeLessThan(3 * error);
}

const endless = new Array<number>(numTokens).fill(1);

describe('rejections in a text', () => {
  it('are the sum of total variations', () => {
    const expected = expectedRejections(target, draft, numTokens);
    expectMean(
      { verifier: new RejectionVerifier(), widths: endless },
      ({ rejections }) => rejections,
      expected,
    );
  });

  it.each([2, 4])('with %i drafts are those of the batch formula', (numDrafts) => {
    const expected = expectedBatchRejections(target, draft, { numTokens, numDrafts });
    const widths = [numDrafts, ...endless.slice(1)];
    expectMean({ verifier: new RecursiveVerifier(), widths }, ({ rejections }) => rejections, expected);
  });
});

describe('the first round', () => {
  it.each([0.02, 0.08])('rejects and is biased as the line says, epsilon %f', (epsilon) => {
    const [p, q] = [target([]), draft([])];
    const { rejection, bias } = paretoPoint(p, q, epsilon);
    const decoding = { verifier: new ParetoVerifier(epsilon), widths: [1], numTokens: 1 };
    expectMean(decoding, ({ rejections }) => rejections, rejection);
    // The distance is reached on the tokens that the target says less often.
    const moreOften = new Set(p.ids.filter((token, index) => q.probs[index]! > p.probs[index]!));
    const share = (text: DecodedText): number => Number(moreOften.has(text.tokens[0]!));
    const ofTarget = p.ids.reduce((sum, token, at) => sum + (moreOften.has(token) ? p.probs[at]! : 0), 0);
    expectMean(decoding, share, ofTarget + bias);
  });

  it.each([
    { verifier: new RejectionVerifier(), rule: 'rejection' as const },
    { verifier: new BlockVerifier(), rule: 'block' as const },
    { verifier: new TraversalVerifier(), rule: 'block' as const },
  ])('accepts of a chain what the closed form says: $verifier.name', ({ verifier, rule }) => {
    const expected = expectedAcceptedTokens(rule, target, draft, 4);
    expectMean(
      { verifier, widths: [1, 1, 1, 1], numTokens: 1 },
      ({ acceptedTokens }) => acceptedTokens,
      expected,
    );
  });

  it.each([new RecursiveVerifier(), new TraversalVerifier()])(
    'accepts of several siblings what the closed form says: $name',
    (verifier) => {
      const expected = recursiveAcceptance(target([]), draft([]), 3);
      expectMean({ verifier, widths: [3], numTokens: 1 }, ({ acceptedTokens }) => acceptedTokens, expected);
    },
  );

  it.each([new MatchVerifier(), new RecursiveVerifier(), new KSeqVerifier(), new GreedyMultiDraftVerifier()])(
    'accepts no more than the optimum: $name',
    (verifier) => {
      const [optimum] = optimalWithReplacement(target([]), draft([]), [2]) as [number];
      const random = new SeededRandom(2, verifier.name);
      const decoding = { verifier, target, draft, widths: [2], numTokens: 1 };
      const accepted = Array.from(
        { length: numTexts },
        () => simulateDecoding(decoding, random).acceptedTokens,
      );
      expect(mean(accepted)).toBeLessThan(
        optimum + (3 * sampleStandardDeviation(accepted)) / Math.sqrt(numTexts),
      );
    },
  );
});
