import { describe, expect, it } from 'vitest';
import { probabilityOf } from '../../src/sampling/distribution.js';
import { residual } from '../../src/sampling/residual.js';
import { survivalAlongText } from '../../src/theory/chain-acceptance.js';
import { paretoOutput, paretoPoint } from '../../src/theory/pareto-line.js';
import { RoundFilter } from '../../src/theory/round-filter.js';
import { roundsAlongText } from '../../src/theory/rounds-along-text.js';
import { enumerateChains } from '../helpers/enumerate-drafts.js';
import { after, enumerateDecoding } from '../helpers/enumerate-decoding.js';
import { pareto } from '../helpers/rules.js';
import { randomModel } from '../helpers/table-model.js';

const numTokens = 3;
const length = 2;

describe('the filter of rounds', () => {
  it('finds along a text of the target the rounds that survivals give', () => {
    const [target, draft] = [randomModel(1, 2, 0), randomModel(901, 2, 0)];
    const text = [0, 1, 1, 0, 0];
    const filter = new RoundFilter(length);
    const ratios = text.map((token, index) => {
      const [p, q] = [target.next(text.slice(0, index)), draft.next(text.slice(0, index))];
      const rest = residual(p, q);
      const bonus = probabilityOf(p, token);
      const accepted = Math.min(bonus, probabilityOf(q, token));
      const recovered = rest.mass * probabilityOf(rest.distribution, token);
      filter.observe({ accepted, recovered, bonus }, index + 1 < numTokens);
      return probabilityOf(q, token) / bonus;
    });
    const along = roundsAlongText(numTokens, (start) =>
      survivalAlongText('rejection', ratios.slice(start), length),
    );
    filter.starts.forEach((share, start) => expect(share).toBeCloseTo(along.starts[start]!, 12));
    expect(filter.acceptedTokens).toBeCloseTo(along.acceptedTokens, 12);
    expect(filter.rejections).toBeCloseTo(along.rounds * (1 - along.survival.at(-1)!), 12);
  });

  it.each([0.05, 0.2])('gives over the texts of the lossy rule its rounds, epsilon %f', (epsilon) => {
    const [target, draft] = [randomModel(2, 2, 0), randomModel(902, 2, 0)];
    const measured = enumerateDecoding(
      pareto(epsilon),
      target,
      (history) => enumerateChains(after(draft, history), length),
      numTokens,
    );
    let [rounds, acceptedTokens] = [0, 0];
    const visit = (
      text: readonly number[],
      replay: (filter: RoundFilter) => void,
      probability: number,
    ): void => {
      const filter = new RoundFilter(length);
      replay(filter);
      if (text.length === numTokens + length) {
        rounds += probability * filter.starts.reduce((sum, share) => sum + share, 0);
        acceptedTokens += probability * filter.acceptedTokens;
        return;
      }
      const [p, q] = [target.next(text), draft.next(text)];
      const point = paretoPoint(p, q, epsilon);
      for (const token of [0, 1]) {
        const bonus = probabilityOf(p, token);
        const ways = { ...paretoOutput(p, q, { token, epsilon, point }), bonus };
        const law = (1 - filter.whole) * (ways.accepted + ways.recovered) + filter.whole * bonus;
        const observe = (later: RoundFilter): void => {
          replay(later);
          later.observe(ways, text.length + 1 < numTokens);
        };
        if (law > 0) visit([...text, token], observe, probability * law);
      }
    };
    visit([], () => undefined, 1);
    expect(rounds).toBeCloseTo(measured.rounds, 12);
    expect(acceptedTokens).toBeCloseTo(measured.acceptedTokens, 12);
  });
});
