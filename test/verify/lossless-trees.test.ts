// Output laws on trees, by enumeration: static shapes, and shapes that depend on what was drawn.
import { describe, expect, it } from 'vitest';
import type { SiblingDraws } from '../../src/tree/token-tree.js';
import { enumerateChains, enumerateGrowth, enumerateTrees, greedyTree } from '../helpers/enumerate-drafts.js';
import { allPolicies, dySpec } from '../helpers/growth-policies.js';
import { lawError, verdictsOn, type Rule } from '../helpers/output-law.js';
import { block, greedyMultiDraft, kSeq, match, recursive, rejection, traversal } from '../helpers/rules.js';
import { randomModel } from '../helpers/table-model.js';
import { dropWorst, rowsOf, sortSiblings } from '../helpers/tampered-drafts.js';

const exact = 1e-12;
type Drawn = Exclude<SiblingDraws, 'deterministic'>;
const treeRules: [string, Rule][] = [
  ['naive', match],
  ['recursive', recursive],
  ['k-seq', kSeq],
  ['greedy-multi-draft', greedyMultiDraft],
  ['traversal', traversal],
];
const adaptive = treeRules.filter(([, { verifier }]) => !verifier.fixedShapesOnly);
const shapes: { vocabSize: number; widths: number[] }[] = [
  { vocabSize: 4, widths: [3] },
  { vocabSize: 3, widths: [2] },
  { vocabSize: 3, widths: [2, 1] },
  { vocabSize: 2, widths: [2, 2] },
  { vocabSize: 3, widths: [1, 2] },
];
const isDrawn = (siblings: SiblingDraws): siblings is Drawn => siblings !== 'deterministic';

describe.each(treeRules)('%s', (_, rule) => {
  const draws = rule.verifier.siblings.filter(isDrawn);
  const cases = draws.flatMap((siblings) => shapes.map((shape) => ({ siblings, ...shape })));

  it.each(cases)('is lossless on $widths, $vocabSize tokens, siblings $siblings', (shape) => {
    for (const [seed, zeroShare] of [
      [1, 0],
      [2, 0.4],
    ] as const) {
      const drafts = enumerateTrees(
        randomModel(seed + 200, shape.vocabSize, zeroShare),
        shape.widths,
        shape.siblings,
      );
      expect(lawError(rule, randomModel(seed, shape.vocabSize, zeroShare), drafts)).toBeLessThan(exact);
    }
  });

  it.each(shapes)('is lossless where target and draft agree, $vocabSize tokens, $widths', (shape) => {
    const model = randomModel(31, shape.vocabSize);
    for (const siblings of draws) {
      const drafts = enumerateTrees(model, shape.widths, siblings);
      expect(lawError(rule, model, drafts)).toBeLessThan(exact);
    }
  });

  it.runIf(rule.verifier.siblings.includes('deterministic')).each(shapes)(
    'is lossless for the likeliest tokens without draft probabilities, $vocabSize tokens, $widths',
    (shape) => {
      for (const seed of [41, 42]) {
        const draft = greedyTree(randomModel(seed + 200, shape.vocabSize), shape.widths);
        expect(lawError(rule, randomModel(seed, shape.vocabSize), [draft])).toBeLessThan(exact);
      }
    },
  );

  it.each([1, 2, 3])('is lossless on chains of %i', (length) => {
    for (const seed of [51, 52]) {
      const drafts = enumerateChains(randomModel(seed + 200, 3, 0.2), length);
      expect(lawError(rule, randomModel(seed, 3, 0.2), drafts)).toBeLessThan(exact);
    }
  });
});

describe.each(adaptive)('%s on shapes that depend on the draws', (_, rule) => {
  it.each(allPolicies)('is lossless when %s', (_policy, policy) => {
    for (const siblings of ['withoutReplacement', 'withReplacement'] as const) {
      for (const [vocabSize, budget] of [
        [2, 4],
        [3, 3],
      ] as const) {
        const drafts = enumerateGrowth(randomModel(260, vocabSize), policy(budget), siblings);
        const grown = new Set(drafts.map(({ tree }) => tree.parents.join()));
        expect(grown.size).toBeGreaterThan(1);
        expect(lawError(rule, randomModel(60, vocabSize), drafts)).toBeLessThan(exact);
      }
    }
  });
});

describe('controls that are not lossless', () => {
  const budget = 3;
  const target = randomModel(60, 3);
  const drafts = enumerateGrowth(randomModel(260, 3), dySpec(budget), 'withoutReplacement');
  const dividing = adaptive.slice(1);

  it.each(dividing)('%s after the worst drawn node was dropped', (_, rule) => {
    expect(lawError(rule, target, drafts.map(dropWorst))).toBeGreaterThan(1e-3);
  });

  it('k-seq, which says so, on shapes that depend on the draws', () => {
    expect(kSeq.verifier.fixedShapesOnly).toBe(true);
    const grown = enumerateGrowth(randomModel(260, 3), dySpec(budget), 'withReplacement');
    expect(lawError(kSeq, target, grown)).toBeGreaterThan(1e-3);
  });

  it('naive stays lossless after the same pruning', () => {
    expect(lawError(match, target, drafts.map(dropWorst))).toBeLessThan(exact);
  });

  it.each(dividing)('%s with siblings sorted by draft probability after drawing', (_, rule) => {
    const wide = enumerateTrees(randomModel(260, 3), [2, 1], 'withoutReplacement');
    expect(lawError(rule, target, wide)).toBeLessThan(exact);
    expect(lawError(rule, target, wide.map(sortSiblings))).toBeGreaterThan(1e-3);
  });

  it.each(dividing)('%s with the rows before siblings were taken out', (_, rule) => {
    const errors = [261, 262, 263, 264].map((seed) => {
      const model = randomModel(seed, 4);
      const fresh = enumerateTrees(model, [3], 'withoutReplacement');
      expect(lawError(rule, randomModel(61, 4), fresh)).toBeLessThan(exact);
      const stale = fresh.map((draft) => ({ ...draft, draftProbs: rowsOf(draft, () => model.next([])) }));
      return lawError(rule, randomModel(61, 4), stale);
    });
    expect(Math.max(...errors)).toBeGreaterThan(1e-3);
  });
});

describe('on a chain', () => {
  const drafts = enumerateChains(randomModel(270, 3, 0.2), 3);

  it.each([
    ['recursive is rejection', recursive, rejection],
    ['k-seq is rejection', kSeq, rejection],
    ['greedy-multi-draft is rejection', greedyMultiDraft, rejection],
    ['traversal is block', traversal, block],
  ] as const)('%s, verdict for verdict', (_, one, other) => {
    const model = randomModel(70, 3, 0.2);
    expect(verdictsOn(one, model, drafts)).toEqual(verdictsOn(other, model, drafts));
  });
});
