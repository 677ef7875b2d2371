// Rejections as they are predicted, against every way in which the real rules reject.
import { describe, expect, it } from 'vitest';
import { predictChain } from '../../../src/bench/theory/predict-chain.js';
import { pathFollowed } from '../../../src/bench/theory/predict-tree.js';
import type { PositionFacts } from '../../../src/bench/theory/trace.js';
import { probabilityOf } from '../../../src/sampling/distribution.js';
import { forEachPrefix } from '../../../src/theory/next-token-law.js';
import { isRejection } from '../../../src/theory/round-rejection.js';
import { TokenTree } from '../../../src/tree/token-tree.js';
import { after } from '../../helpers/enumerate-decoding.js';
import { enumerateChains, greedyChain, type WeightedDraft } from '../../helpers/enumerate-drafts.js';
import { roundOutcomes, type Rule } from '../../helpers/output-law.js';
import { likeliest } from '../../helpers/rows.js';
import { block, match, rejection } from '../../helpers/rules.js';
import { randomModel, type TableModel } from '../../helpers/table-model.js';

const numTokens = 3;
const length = 2;

/** Rounds that start within the text and end with a recovered token, over all drafts and uniforms. */
function enumeratedRejections(
  rule: Rule,
  target: TableModel,
  draftsAfter: (history: readonly number[]) => readonly WeightedDraft[],
  history: readonly number[] = [],
): number {
  if (history.length >= numTokens) return 0;
  return roundOutcomes(rule, after(target, history), draftsAfter(history)).reduce(
    (sum, { tokens, isRecovered, probability }) =>
      sum +
      probability *
        (Number(isRecovered) + enumeratedRejections(rule, target, draftsAfter, [...history, ...tokens])),
    0,
  );
}

describe('predicted rejections of a chain', () => {
  it.each(
    (['rejection', 'block', 'match'] as const).flatMap((rule) => [1, 2].map((seed) => ({ rule, seed }))),
  )('are those of $rule over all texts, drafts and branches, seed $seed', ({ rule, seed }) => {
    const [target, draft] = [randomModel(seed, 2, 0.1), randomModel(seed + 900, 2, 0.1)];
    const measured = enumeratedRejections({ rejection, block, match }[rule], target, (history) =>
      rule === 'match'
        ? [greedyChain(after(draft, history), length)]
        : enumerateChains(after(draft, history), length),
    );
    let predicted = 0;
    const textLength = numTokens + length;
    forEachPrefix(target.next, textLength + 1, (tokens, probability) => {
      if (tokens.length < textLength) return;
      const facts = tokens.map((token, index) => {
        const [p, q] = [target.next(tokens.slice(0, index)), draft.next(tokens.slice(0, index))];
        const ratio = probabilityOf(q, token) / probabilityOf(p, token);
        return { ratio, isDraftTop: likeliest(q) === token } as PositionFacts;
      });
      const trace = { prompt: Int32Array.of(0), tokens, facts, numStarts: numTokens };
      predicted += probability * predictChain(trace, rule, length).rejections;
    });
    expect(predicted).toBeCloseTo(measured, 12);
  });
});

describe('a rejection', () => {
  // 7 -> 8, and 9 beside 7.
  const tree = new TokenTree([7, 9, 8], [-1, -1, 0]);

  it.each([
    { text: [5], rejects: true, why: 'no first token fits' },
    { text: [7, 5], rejects: true, why: 'the draft goes on and the text does not follow' },
    { text: [7, 8, 5], rejects: false, why: 'a whole path fits' },
    { text: [9, 5], rejects: false, why: 'a path fits to its leaf, though another is longer' },
  ])('is $rejects where $why', ({ text, rejects }) => {
    expect(isRejection(tree, pathFollowed(tree, text))).toBe(rejects);
  });

  it('does not happen without a draft', () => {
    expect(isRejection(TokenTree.chain([]), [])).toBe(false);
  });
});
