import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sample } from '../../src/sampling/categorical.js';
import { totalVariation } from '../../src/sampling/residual.js';
import { paretoPoint } from '../../src/theory/pareto-line.js';
import { ParetoVerifier } from '../../src/verify/pareto.js';
import type { Verdict, VerifyRequest } from '../../src/verify/verifier.js';
import { distribution } from '../helpers/arbitraries.js';
import { enumerateChains } from '../helpers/enumerate-drafts.js';
import { roundOutcomes, verdictsOn, type Rule } from '../helpers/output-law.js';
import { pareto, rejection } from '../helpers/rules.js';
import { randomModel } from '../helpers/table-model.js';

const cases = [1, 2, 3, 4].flatMap((seed) => [0.01, 0.1, 0.3, 1].map((epsilon) => ({ seed, epsilon })));

/** Total variation distance between the law of the first output token and the target's. */
function biasOf(rule: Rule, seed: number): { bias: number; rejection: number } {
  const target = randomModel(seed, 4, 0.2);
  const outcomes = roundOutcomes(rule, target, enumerateChains(randomModel(seed + 400, 4, 0.2), 1));
  const law = new Float64Array(4);
  let rejectionProbability = 0;
  for (const { tokens, probability, isRecovered } of outcomes) {
    law[tokens[0]!]! += probability;
    if (isRecovered) rejectionProbability += probability;
  }
  const { ids, probs } = target.next([]);
  const wanted = new Float64Array(4);
  ids.forEach((token, index) => (wanted[token] = probs[index]!));
  const bias = law.reduce((sum, prob, token) => sum + Math.abs(prob - wanted[token]!) / 2, 0);
  return { bias, rejection: rejectionProbability };
}

describe('pareto', () => {
  it.each(cases)(
    'spends the bias it reports, and what it saves of rejections, seed $seed, epsilon $epsilon',
    ({ seed, epsilon }) => {
      const [p, q] = [randomModel(seed, 4, 0.2).next([]), randomModel(seed + 400, 4, 0.2).next([])];
      const point = paretoPoint(p, q, epsilon);
      const measured = biasOf(pareto(epsilon), seed);
      expect(measured.bias).toBeCloseTo(point.bias, 12);
      expect(measured.rejection).toBeCloseTo(point.rejection, 12);
      expect(point.rejection + point.bias).toBeCloseTo(totalVariation(p, q), 12);
    },
  );

  it('spends less than a rule that recovers from the target, for the same rejections', () => {
    for (const { seed } of cases.filter(({ epsilon }) => epsilon === 0.1)) {
      const recovering: Rule = {
        verifier: new (class extends ParetoVerifier {
          override verify(request: VerifyRequest): Verdict {
            const verdict = super.verify(request);
            if (verdict.nextTokenKind === 'bonus') return verdict;
            const depth = verdict.acceptedNodes.length;
            return {
              ...verdict,
              nextToken: sample(request.targetProbs.row(depth), request.uniforms.sample[depth]!),
            };
          }
        })(0.1),
        breakpoints: pareto(0.1).breakpoints,
      };
      const [best, other] = [biasOf(pareto(0.1), seed), biasOf(recovering, seed)];
      expect(other.rejection).toBeCloseTo(best.rejection, 12);
      if (best.rejection > 0.01) expect(other.bias).toBeGreaterThan(best.bias + 1e-4);
    }
  });

  it('reports the sum over the positions it decided', () => {
    const target = randomModel(11, 3);
    const drafts = enumerateChains(randomModel(411, 3), 3);
    const rule = pareto(0.2);
    const verdicts = verdictsOn(rule, target, drafts);
    expect(verdicts.length).toBeGreaterThan(100);
    verdicts.forEach((verdict, index) => {
      const draft = drafts[Math.floor(index / 5)]!;
      const numDecided = Math.min(3, verdict.acceptedNodes.length + 1);
      const tokens = Array.from(draft.tree.tokens);
      const wanted = Array.from({ length: numDecided }, (_, depth) => {
        const history = tokens.slice(0, depth);
        return paretoPoint(target.next(history), draft.draftProbs!.row(depth), 0.2).bias;
      }).reduce((sum, bias) => sum + bias, 0);
      expect(verdict.bias).toBeCloseTo(wanted, 12);
    });
  });

  it('is rejection where epsilon is 0, and lossless then only', () => {
    const target = randomModel(12, 3, 0.2);
    const drafts = enumerateChains(randomModel(412, 3, 0.2), 2);
    const strict = verdictsOn(pareto(0), target, drafts).map(({ bias, ...verdict }) => {
      expect(bias).toBe(0);
      return verdict;
    });
    expect(strict).toEqual(verdictsOn(rejection, target, drafts));
    expect([0, 0.1].map((epsilon) => new ParetoVerifier(epsilon).lossless)).toEqual([true, false]);
  });

  it('never rejects where epsilon covers every excess', () => {
    fc.assert(
      fc.property(distribution(4), distribution(4), (p, q) => {
        expect(paretoPoint(p, q, 1).rejection).toBe(0);
        expect(paretoPoint(p, q, 1).bias).toBeCloseTo(totalVariation(p, q), 12);
      }),
    );
  });

  it.each([-0.1, 1.1, NaN])('refuses an epsilon of %d', (epsilon) => {
    expect(() => new ParetoVerifier(epsilon)).toThrow(/Expected a number in \[0, 1\] for epsilon/);
  });
});
