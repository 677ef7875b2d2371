import { describe, expect, it } from 'vitest';
import { probabilityOf } from '../../src/sampling/distribution.js';
import { expectedAcceptedTokens, survivalAlongText } from '../../src/theory/chain-acceptance.js';
import { forEachPrefix } from '../../src/theory/next-token-law.js';
import { enumerateChains } from '../helpers/enumerate-drafts.js';
import { expectedAccepted, roundOutcomes } from '../helpers/output-law.js';
import { block, rejection, traversal } from '../helpers/rules.js';
import { constantModel, randomModel, type TableModel } from '../helpers/table-model.js';

const rules = { rejection, block } as const;
const cases = (['rejection', 'block'] as const).flatMap((rule) => [1, 2, 3].map((seed) => ({ rule, seed })));
const pairOf = (seed: number): [TableModel, TableModel] => [
  randomModel(seed, 3, 0.2),
  randomModel(seed + 700, 3, 0.2),
];

/** q / p of each token of a text. */
function ratiosOf(target: TableModel, draft: TableModel, text: readonly number[]): number[] {
  return text.map((token, index) => {
    const history = text.slice(0, index);
    return probabilityOf(draft.next(history), token) / probabilityOf(target.next(history), token);
  });
}

const probabilityOfText = (model: TableModel, text: readonly number[]): number =>
  text.reduce((product, token, index) => product * probabilityOf(model.next(text.slice(0, index)), token), 1);

describe('accepted tokens of a chain', () => {
  it('of the two-token example are 10/9 token by token and 11/9 in a block', () => {
    const [target, draft] = [constantModel(1 / 3, 2 / 3), constantModel(2 / 3, 1 / 3)];
    expect(expectedAcceptedTokens('rejection', target.next, draft.next, 2)).toBeCloseTo(10 / 9, 14);
    expect(expectedAcceptedTokens('block', target.next, draft.next, 2)).toBeCloseTo(11 / 9, 14);
  });

  it.each(cases)('are what $rule accepts over all drafts and branches, seed $seed', ({ rule, seed }) => {
    const [target, draft] = pairOf(seed);
    const measured = expectedAccepted(rules[rule], target, enumerateChains(draft, 3));
    expect(expectedAcceptedTokens(rule, target.next, draft.next, 3)).toBeCloseTo(measured, 12);
  });

  it('of traversal are those of block', () => {
    const [target, draft] = pairOf(4);
    const measured = expectedAccepted(traversal, target, enumerateChains(draft, 3));
    expect(expectedAcceptedTokens('block', target.next, draft.next, 3)).toBeCloseTo(measured, 12);
  });
});

describe('the survival along a text', () => {
  it.each(cases)(
    'adds up over the texts of the target to what $rule accepts, seed $seed',
    ({ rule, seed }) => {
      const [target, draft] = pairOf(seed);
      let total = 0;
      forEachPrefix(target.next, 4, (text, probability) => {
        if (text.length < 3) return;
        const survival = survivalAlongText(rule, ratiosOf(target, draft, text), 3);
        total += probability * survival.slice(1).reduce((sum, share) => sum + share, 0);
      });
      expect(total).toBeCloseTo(expectedAcceptedTokens(rule, target.next, draft.next, 3), 12);
    },
  );

  it.each(cases)('tells how likely each way to a text was under $rule, seed $seed', ({ rule, seed }) => {
    const [target, draft] = pairOf(seed);
    const length = 2;
    const ways = new Map<string, number>();
    for (const { tokens, numAccepted, probability } of roundOutcomes(
      rules[rule],
      target,
      enumerateChains(draft, length),
    )) {
      const key = JSON.stringify([tokens, numAccepted]);
      ways.set(key, (ways.get(key) ?? 0) + probability);
    }
    for (const [key, probability] of ways) {
      const [tokens, numAccepted] = JSON.parse(key) as [number[], number];
      const ratios = [...ratiosOf(target, draft, tokens), 0];
      const survival = survivalAlongText(rule, ratios, length);
      const share = survival[numAccepted]! - (survival[numAccepted + 1] ?? 0);
      expect(probability).toBeCloseTo(probabilityOfText(target, tokens) * share, 12);
    }
  });
});
