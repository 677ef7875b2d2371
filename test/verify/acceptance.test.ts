// How much each rule accepts of one set of siblings, by enumeration: closed forms, and the optimum as a bound.
import { describe, expect, it } from 'vitest';
import { overlap, totalVariation } from '../../src/sampling/residual.js';
import { optimalWithReplacement, optimalWithoutReplacement } from '../../src/theory/optimal-acceptance.js';
import { recursiveAcceptance } from '../../src/theory/root-rejection.js';
import type { SiblingDraws } from '../../src/tree/token-tree.js';
import { greedyMultiDraftAcceptance } from '../../src/verify/greedy-multi-draft.js';
import { kSeqRule } from '../../src/verify/k-seq.js';
import { naiveAcceptance } from '../../src/verify/match.js';
import { drawSiblings, enumerateChains, enumerateTrees } from '../helpers/enumerate-drafts.js';
import { optimalByLinearProgram } from '../helpers/optimal-acceptance.js';
import { expectedAccepted, lawError, type Rule } from '../helpers/output-law.js';
import { block, greedyMultiDraft, kSeq, match, recursive, traversal } from '../helpers/rules.js';
import { randomModel } from '../helpers/table-model.js';

type Drawn = Exclude<SiblingDraws, 'deterministic'>;
const seeds = [1, 2, 3, 4, 5, 6];
const counts = [1, 2, 3];
const pairOf = (seed: number) => ({
  target: randomModel(seed, 4, 0.2),
  draft: randomModel(seed + 300, 4, 0.2),
});
const cases = seeds.flatMap((seed) => counts.map((count) => ({ seed, count, ...pairOf(seed) })));

/** Probability that one of `count` siblings is accepted, by running the rule. */
function accepted(rule: Rule, { target, draft, count }: (typeof cases)[number], siblings: Drawn): number {
  return expectedAccepted(rule, target, enumerateTrees(draft, [count], siblings));
}

/** The optimum for the same siblings. */
function optimum({ target, draft, count }: (typeof cases)[number], siblings: Drawn): number {
  return optimalByLinearProgram(target.next([]), drawSiblings(draft.next([]), count, siblings));
}

describe('the optimum', () => {
  it.each(cases)('by prefixes is that of the linear program, $count siblings, seed $seed', (pair) => {
    const [p, q] = [pair.target.next([]), pair.draft.next([])];
    expect(optimalWithReplacement(p, q, [pair.count])[0]).toBeCloseTo(optimum(pair, 'withReplacement'), 9);
    const without = optimalWithoutReplacement(p, q, pair.count).at(-1)!;
    if (pair.count <= q.ids.length) expect(without).toBeCloseTo(optimum(pair, 'withoutReplacement'), 6);
  });

  it('is 1 - TV for one draft token', () => {
    for (const pair of cases.filter(({ count }) => count === 1)) {
      const [p, q] = [pair.target.next([]), pair.draft.next([])];
      expect(optimalWithReplacement(p, q, [1])[0]).toBeCloseTo(1 - totalVariation(p, q), 12);
    }
  });
});

describe('a rule accepts', () => {
  it.each(cases)('what its closed form says, $count siblings, seed $seed', (pair) => {
    const [p, q] = [pair.target.next([]), pair.draft.next([])];
    const { count } = pair;
    expect(accepted(match, pair, 'withReplacement')).toBeCloseTo(naiveAcceptance(p, q, count), 12);
    expect(accepted(recursive, pair, 'withReplacement')).toBeCloseTo(recursiveAcceptance(p, q, count), 12);
    expect(accepted(kSeq, pair, 'withReplacement')).toBeCloseTo(kSeqRule(p, q, count).acceptance, 12);
    if (count > q.ids.length) return;
    const greedy = greedyMultiDraftAcceptance(p, q, count);
    expect(accepted(greedyMultiDraft, pair, 'topThenSampled')).toBeCloseTo(greedy, 12);
    expect(greedy).toBeCloseTo(optimum(pair, 'topThenSampled'), 9);
  });

  it.each(cases)('no more than the optimum, $count siblings, seed $seed', (pair) => {
    for (const rule of [match, recursive, kSeq, traversal]) {
      for (const siblings of rule.verifier.siblings) {
        if (siblings === 'deterministic' || siblings === 'topThenSampled') continue;
        expect(accepted(rule, pair, siblings)).toBeLessThanOrEqual(optimum(pair, siblings) + 1e-9);
      }
    }
  });

  it.each(cases)('at least what theory promises of k-seq, $count siblings, seed $seed', (pair) => {
    const share = accepted(kSeq, pair, 'withReplacement') / optimum(pair, 'withReplacement');
    expect(share).toBeGreaterThanOrEqual(1 - 1 / Math.E);
  });

  it('the overlap of one draft token, whatever the rule', () => {
    for (const pair of cases.filter(({ count }) => count === 1)) {
      const wanted = overlap(pair.target.next([]), pair.draft.next([]));
      for (const rule of [recursive, kSeq, traversal])
        expect(accepted(rule, pair, 'withReplacement')).toBeCloseTo(wanted, 12);
    }
  });

  it('with the residual followed into the first siblings, what the closed form of that says', () => {
    for (const pair of cases) {
      const [p, q] = [pair.target.next([]), pair.draft.next([])];
      const drafts = enumerateTrees(pair.draft, [pair.count], 'withReplacement');
      const wanted = p.ids.reduce((sum, token, index) => {
        const draft = q.probs[q.ids.indexOf(token)] ?? 0;
        const left = Math.max(0, p.probs[index]! - draft);
        return sum + Math.min(p.probs[index]!, draft) + left * (1 - (1 - draft) ** (pair.count - 1));
      }, 0);
      expect(expectedAccepted(greedyMultiDraft, pair.target, drafts)).toBeCloseTo(wanted, 12);
      expect(lawError(greedyMultiDraft, pair.target, drafts)).toBeLessThan(1e-12);
    }
  });
});

describe('traversal accepts', () => {
  it.each(seeds)(
    'at least as much of a tree as block of one of its paths, and recursive of it, seed %i',
    (seed) => {
      const [target, draft] = [randomModel(seed, 2), randomModel(seed + 300, 2)];
      const ofChain = expectedAccepted(block, target, enumerateChains(draft, 2));
      for (const siblings of ['withReplacement', 'withoutReplacement'] as const) {
        const drafts = enumerateTrees(draft, [2, 2], siblings);
        const ofTree = expectedAccepted(traversal, target, drafts);
        expect(ofTree).toBeGreaterThanOrEqual(ofChain - 1e-12);
        expect(ofTree).toBeGreaterThanOrEqual(expectedAccepted(recursive, target, drafts) - 1e-12);
      }
    },
  );
});
