import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArrayRows, type Distribution } from '../../src/sampling/distribution.js';
import { overlap, totalVariation } from '../../src/sampling/residual.js';
import { TokenTree } from '../../src/tree/token-tree.js';
import { acceptanceProbability } from '../../src/theory/acceptance-ratios.js';
import { isAccepted, RejectionVerifier } from '../../src/verify/rejection.js';
import type { VerifyRequest } from '../../src/verify/verifier.js';
import { distribution, unit } from '../helpers/arbitraries.js';
import { enumerateChains } from '../helpers/enumerate-drafts.js';
import { expectedAccepted, roundOutcomes } from '../helpers/output-law.js';
import { rejection } from '../helpers/rules.js';
import { constantModel, dense, randomModel, type TableModel } from '../helpers/table-model.js';

const verifier = new RejectionVerifier();

function oneToken(token: number, target: Distribution, draft: Distribution, accept: number): VerifyRequest {
  return {
    tree: TokenTree.chain([token]),
    draftProbs: new ArrayRows([draft]),
    targetProbs: new ArrayRows([target, target]),
    uniforms: { accept: Float64Array.of(accept), sample: Float64Array.of(0.5, 0.5) },
  };
}

describe('rejection', () => {
  it('accepts a single draft with probability 1 - TV, the overlap', () => {
    fc.assert(
      fc.property(distribution(4), distribution(4), (target, draft) => {
        const accepted = Array.from(draft.ids).reduce((total, token, index) => {
          const draftProb = draft.probs[index]!;
          const place = target.ids.indexOf(token);
          return total + draftProb * acceptanceProbability(target.probs[place] ?? 0, draftProb);
        }, 0);
        expect(accepted).toBeCloseTo(overlap(target, draft), 12);
        expect(accepted).toBeCloseTo(1 - totalVariation(target, draft), 12);
      }),
    );
  });

  it('brings (1 - a^(g + 1)) / (1 - a) tokens a round for independent acceptance a', () => {
    const drafts = enumerateChains(constantModel(0.7, 0.3), 4);
    const tokens = 1 + expectedAccepted(rejection, constantModel(0.5, 0.5), drafts);
    expect(tokens).toBeCloseTo((1 - 0.8 ** 5) / (1 - 0.8), 12);
    expect(tokens).toBeCloseTo(3.3616, 12);
  });

  it('rejects as often over a whole sequence as the expected total variations add up to', () => {
    const length = 4;
    const target = randomModel(41, 3);
    const draft = randomModel(141, 3);
    const after = (model: TableModel, prefix: readonly number[]): TableModel => ({
      vocabSize: model.vocabSize,
      next: (history) => model.next([...prefix, ...history]),
    });
    const known = new Map<string, number>();
    const rejections = (prefix: readonly number[]): number => {
      if (prefix.length === length) return 0;
      const cached = known.get(prefix.join());
      if (cached !== undefined) return cached;
      const drafts = enumerateChains(after(draft, prefix), length - prefix.length);
      const total = roundOutcomes(rejection, after(target, prefix), drafts)
        .filter(({ isRecovered }) => isRecovered)
        .reduce(
          (sum, outcome) => sum + outcome.probability * (1 + rejections([...prefix, ...outcome.tokens])),
          0,
        );
      known.set(prefix.join(), total);
      return total;
    };
    const totalVariations = (prefix: readonly number[]): number => {
      if (prefix.length === length) return 0;
      const row = target.next(prefix);
      return Array.from(row.ids).reduce(
        (total, token, index) => total + row.probs[index]! * totalVariations([...prefix, token]),
        totalVariation(row, draft.next(prefix)),
      );
    };
    expect(rejections([])).toBeCloseTo(totalVariations([]), 11);
  });

  it('is never beaten by another unbiased acceptance', () => {
    const share = fc.array(unit, { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(distribution(4), distribution(4), share, (target, draft, shares) => {
        const accepted = Array.from(draft.ids).reduce((total, token, index) => {
          const place = target.ids.indexOf(token);
          const best = acceptanceProbability(target.probs[place] ?? 0, draft.probs[index]!);
          return total + draft.probs[index]! * best * shares[token]!;
        }, 0);
        expect(accepted).toBeLessThanOrEqual(overlap(target, draft) + 1e-12);
      }),
    );
  });

  it('accepts every draft when target and draft are equal', () => {
    fc.assert(
      fc.property(distribution(4), unit, unit, (law, place, accept) => {
        const token = law.ids[Math.floor(place * law.ids.length)]!;
        expect(verifier.verify(oneToken(token, law, law, accept)).acceptedNodes).toEqual([0]);
      }),
    );
  });

  it('accepts no draft when the supports are disjoint', () => {
    fc.assert(
      fc.property(unit, (accept) => {
        const request = oneToken(1, dense(0.3, 0, 0.7), dense(0, 1, 0), accept);
        expect(verifier.verify(request).acceptedNodes).toEqual([]);
      }),
    );
  });

  it('rejects when the uniform equals the acceptance probability', () => {
    const target = dense(0.25, 0.75);
    const draft = dense(0.5, 0.5);
    const below = 0.5 - 2 ** -53;
    expect(verifier.verify(oneToken(0, target, draft, 0.5)).acceptedNodes).toEqual([]);
    expect(verifier.verify(oneToken(0, target, draft, below)).acceptedNodes).toEqual([0]);
  });

  it('rejects a token of target probability 0 at the uniform 0', () => {
    expect(isAccepted(0, 0, 0.5)).toBe(false);
  });

  it('rejects a token that its draft row cannot have drawn', () => {
    const verdict = verifier.verify(oneToken(0, dense(0.5, 0.5), dense(0, 1), 0));
    expect(verdict).toEqual({ acceptedNodes: [], nextToken: 0, nextTokenKind: 'recovered' });
  });

  it('recovers from the residual with the uniform of its depth', () => {
    const request = oneToken(0, dense(0.1, 0.5, 0.4), dense(0.6, 0.3, 0.1), 0.9);
    const recoveredAt = (value: number) =>
      verifier.verify({ ...request, uniforms: { ...request.uniforms, sample: Float64Array.of(value, 0) } })
        .nextToken;
    expect(recoveredAt(0.39)).toBe(1);
    expect(recoveredAt(0.41)).toBe(2);
  });
});
