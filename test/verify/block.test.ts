import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArrayRows, type Distribution } from '../../src/sampling/distribution.js';
import { TokenTree } from '../../src/tree/token-tree.js';
import { BlockVerifier, jointRatios, prefixAcceptance } from '../../src/verify/block.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import type { VerifyRequest } from '../../src/verify/verifier.js';
import { distribution, seed, unit } from '../helpers/arbitraries.js';
import { enumerateChains, type WeightedDraft } from '../helpers/enumerate-drafts.js';
import { targetRows } from '../helpers/enumerate-round.js';
import { expectedAccepted } from '../helpers/output-law.js';
import { block, rejection } from '../helpers/rules.js';
import { constantModel, dense, randomModel, type TableModel } from '../helpers/table-model.js';

const verifier = new BlockVerifier();

function chain(
  tokens: readonly number[],
  targets: readonly Distribution[],
  drafts: readonly Distribution[],
  accept: readonly number[] = tokens.map(() => 0.5),
): VerifyRequest {
  return {
    tree: TokenTree.chain(tokens),
    draftProbs: new ArrayRows(drafts),
    targetProbs: new ArrayRows(targets),
    uniforms: { accept: Float64Array.from(accept), sample: new Float64Array(tokens.length + 1).fill(0.5) },
  };
}

/** Sum over lengths of the mean joint ratio, which the expected accepted tokens must equal. */
function sumOfMeanRatios(target: TableModel, drafts: readonly WeightedDraft[]): number {
  return drafts.reduce((total, { tree, draftProbs, probability }) => {
    const ratios = jointRatios({
      tree,
      draftProbs,
      targetProbs: targetRows(tree, (history) => target.next(history)),
      uniforms: { accept: new Float64Array(tree.numNodes), sample: new Float64Array(tree.numNodes + 1) },
    });
    return total + probability * ratios.slice(1).reduce((sum, ratio) => sum + ratio, 0);
  }, 0);
}

describe('block', () => {
  it('accepts 11/9 tokens of the two-token example where token-wise rejection accepts 10/9', () => {
    const target = constantModel(1 / 3, 2 / 3);
    const drafts = enumerateChains(constantModel(2 / 3, 1 / 3), 2);
    expect(expectedAccepted(rejection, target, drafts)).toBeCloseTo(10 / 9, 14);
    expect(expectedAccepted(block, target, drafts)).toBeCloseTo(11 / 9, 14);
  });

  it('accepts as many tokens as the mean joint ratios add up to', () => {
    for (const modelSeed of [51, 52, 53]) {
      const target = randomModel(modelSeed, 3, 0.2);
      const drafts = enumerateChains(randomModel(modelSeed + 100, 3, 0.2), 3);
      expect(expectedAccepted(block, target, drafts)).toBeCloseTo(sumOfMeanRatios(target, drafts), 12);
    }
  });

  it('accepts at least as many expected tokens as token-wise rejection', () => {
    fc.assert(
      fc.property(seed, seed, fc.integer({ min: 1, max: 3 }), (targetSeed, draftSeed, length) => {
        const target = randomModel(targetSeed, 2, 0.1);
        const drafts = enumerateChains(randomModel(draftSeed + 2_000_000, 2, 0.1), length);
        const ofBlock = expectedAccepted(block, target, drafts);
        expect(ofBlock).toBeGreaterThanOrEqual(expectedAccepted(rejection, target, drafts) - 1e-12);
      }),
      { numRuns: 40 },
    );
  });

  it('is token-wise rejection on a single draft token', () => {
    fc.assert(
      fc.property(distribution(4), distribution(4), unit, unit, (target, draft, place, accept) => {
        const token = draft.ids[Math.floor(place * draft.ids.length)]!;
        const request = chain([token], [target, target], [draft], [accept]);
        expect(verifier.verify(request)).toEqual(new RejectionVerifier().verify(request));
      }),
    );
  });

  it('accepts every draft when target and draft are equal', () => {
    const laws = fc.array(distribution(4), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(laws, fc.array(unit, { minLength: 6, maxLength: 6 }), (rows, uniforms) => {
        const drafts = rows.slice(0, 3);
        const tokens = drafts.map(({ ids }, node) => ids[Math.floor(uniforms[node]! * ids.length)]!);
        const verdict = verifier.verify(chain(tokens, rows, drafts, uniforms.slice(3)));
        expect(verdict.acceptedNodes).toEqual([0, 1, 2]);
      }),
    );
  });

  it('accepts no draft when the supports are disjoint', () => {
    fc.assert(
      fc.property(unit, unit, (first, second) => {
        const target = dense(0.5, 0.5, 0);
        const draft = dense(0, 0, 1);
        const request = chain([2, 2], [target, target, target], [draft, draft], [first, second]);
        expect(verifier.verify(request).acceptedNodes).toEqual([]);
      }),
    );
  });

  it('accepts a prefix for sure where its ratio is 1 and no residual is left', () => {
    const law = dense(0.5, 0.5);
    const request = chain([0, 0], [law, law, law], [law, law]);
    expect(prefixAcceptance(request, 1, 1)).toBe(1);
  });

  it('gives a full prefix exactly probability 1 however little residual is left', () => {
    const target = dense(3e-11, 1 - 3e-11);
    const draft = dense(1e-11, 1 - 1e-11);
    const request = chain([0, 0], [draft, target, target], [draft, draft]);
    expect(prefixAcceptance(request, 1, 1)).toBe(1);
  });

  it('rejects when the uniform equals the acceptance probability', () => {
    const target = dense(0.25, 0.75);
    const draft = dense(0.5, 0.5);
    const accepted = (accept: number) =>
      verifier.verify(chain([0], [target, target], [draft], [accept])).acceptedNodes;
    expect(accepted(0.5)).toEqual([]);
    expect(accepted(0.5 - 2 ** -53)).toEqual([0]);
  });

  it('rejects a token that its draft row cannot have drawn', () => {
    const law = dense(0.5, 0.5);
    expect(verifier.verify(chain([0], [law, law], [dense(0, 1)], [0])).acceptedNodes).toEqual([]);
  });

  it('keeps a prefix that token-wise rejection would have to give up', () => {
    // The first token is likelier under the draft, the second much likelier under the target.
    const targets = [dense(0.4, 0.6), dense(0.9, 0.1), dense(1)];
    const drafts = [dense(0.8, 0.2), dense(0.4, 0.6)];
    const request = chain([0, 0], targets, drafts, [0.9, 0.9]);
    expect(new RejectionVerifier().verify(request).acceptedNodes).toEqual([]);
    expect(verifier.verify(request).acceptedNodes).toEqual([0, 1]);
  });
});
