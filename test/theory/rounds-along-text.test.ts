import { describe, expect, it } from 'vitest';
import { probabilityOf } from '../../src/sampling/distribution.js';
import { survivalAlongText } from '../../src/theory/chain-acceptance.js';
import { forEachPrefix } from '../../src/theory/next-token-law.js';
import { roundsAlongText } from '../../src/theory/rounds-along-text.js';
import { enumerateChains, greedyChain } from '../helpers/enumerate-drafts.js';
import { after, enumerateDecoding } from '../helpers/enumerate-decoding.js';
import { block, match, rejection } from '../helpers/rules.js';
import { likeliest } from '../helpers/rows.js';
import { randomModel } from '../helpers/table-model.js';

const numTokens = 3;
const length = 2;

describe('rounds along the target’s text', () => {
  it.each(
    (['rejection', 'block', 'match'] as const).flatMap((rule) => [1, 2, 3].map((seed) => ({ rule, seed }))),
  )('are those of $rule over all texts, drafts and branches, seed $seed', ({ rule, seed }) => {
    const [target, draft] = [randomModel(seed, 2, 0.1), randomModel(seed + 900, 2, 0.1)];
    const isMatch = rule === 'match';
    const measured = enumerateDecoding(
      { rejection, block, match }[rule],
      target,
      (history) =>
        isMatch
          ? [greedyChain(after(draft, history), length)]
          : enumerateChains(after(draft, history), length),
      numTokens,
    );
    let [rounds, acceptedTokens] = [0, 0];
    const textLength = numTokens + length;
    forEachPrefix(target.next, textLength + 1, (text, probability) => {
      if (text.length < textLength) return;
      const ratios = text.map((token, index) => {
        const history = text.slice(0, index);
        const drafted = draft.next(history);
        if (isMatch) return Number(likeliest(drafted) === token);
        return probabilityOf(drafted, token) / probabilityOf(target.next(history), token);
      });
      const along = roundsAlongText(numTokens, (start) =>
        survivalAlongText(isMatch ? 'rejection' : rule, ratios.slice(start), length),
      );
      rounds += probability * along.rounds;
      acceptedTokens += probability * along.acceptedTokens;
    });
    expect(rounds).toBeCloseTo(measured.rounds, 12);
    expect(acceptedTokens).toBeCloseTo(measured.acceptedTokens, 12);
  });

  it('start at every token where nothing is accepted, and at every third where two always are', () => {
    expect(Array.from(roundsAlongText(4, () => [1, 0, 0]).starts)).toEqual([1, 1, 1, 1]);
    const { starts, rounds, acceptedTokens, survival } = roundsAlongText(5, () => [1, 1, 1]);
    expect(Array.from(starts)).toEqual([1, 0, 0, 1, 0]);
    expect([rounds, acceptedTokens]).toEqual([2, 4]);
    expect(survival).toEqual([1, 1]);
  });
});
