import { describe, expect, it } from 'vitest';
import { enumerateChains, enumerateTrees, greedyChain } from '../helpers/enumerate-drafts.js';
import { lawError, type Rule } from '../helpers/output-law.js';
import { block, match, rejection } from '../helpers/rules.js';
import { randomModel } from '../helpers/table-model.js';

const exact = 1e-12;
const chainRules: [string, Rule][] = [
  ['match', match],
  ['rejection', rejection],
  ['block', block],
];
const sizes = [2, 3].flatMap((vocabSize) => [1, 2, 3].map((length) => ({ vocabSize, length })));

describe.each(chainRules)('%s on chains', (_, rule) => {
  it.each(sizes)('is lossless for $vocabSize tokens and $length drafts', ({ vocabSize, length }) => {
    for (const seed of [1, 2, 3]) {
      const drafts = enumerateChains(randomModel(seed + 100, vocabSize), length);
      expect(lawError(rule, randomModel(seed, vocabSize), drafts)).toBeLessThan(exact);
    }
  });

  it.each(sizes)('is lossless where supports differ, $vocabSize tokens and $length drafts', (size) => {
    for (const seed of [4, 5, 6]) {
      const drafts = enumerateChains(randomModel(seed + 100, size.vocabSize, 0.4), size.length);
      expect(lawError(rule, randomModel(seed, size.vocabSize, 0.4), drafts)).toBeLessThan(exact);
    }
  });

  it('is lossless when the draft model is the target', () => {
    const model = randomModel(7, 3);
    expect(lawError(rule, model, enumerateChains(model, 3))).toBeLessThan(exact);
  });

  it('is lossless for a deterministic drafter without draft probabilities', () => {
    for (const seed of [8, 9, 10]) {
      const drafts = [greedyChain(randomModel(seed + 100, 3), 3)];
      expect(lawError(rule, randomModel(seed, 3), drafts)).toBeLessThan(exact);
    }
  });

  it('is lossless when the chain length depends on the row before each draw', () => {
    const drafts = enumerateChains(randomModel(112, 3), 3, {
      beforeDraw: ({ probs }) => Math.max(...probs) < 0.6,
    });
    expect(new Set(drafts.map(({ tree }) => tree.numNodes)).size).toBeGreaterThan(1);
    expect(lawError(rule, randomModel(12, 3), drafts)).toBeLessThan(exact);
  });
});

describe.each(chainRules.slice(1))('%s with a control that drops what was drawn', (_, rule) => {
  it('is not lossless when a drawn token is thrown away for its own low probability', () => {
    const drafts = enumerateChains(randomModel(112, 3), 3, {
      dropsDrawn: (row, token) => row.probs[row.ids.indexOf(token)]! < 0.4,
    });
    expect(lawError(rule, randomModel(12, 3), drafts)).toBeGreaterThan(1e-3);
  });
});

describe('match on trees', () => {
  const shapes = [[2], [3], [2, 1], [2, 2]].map((widths) => ({ widths }));

  it.each(shapes)('is lossless with siblings drawn with replacement, widths $widths', ({ widths }) => {
    const drafts = enumerateTrees(randomModel(120, 2), widths, 'withReplacement');
    expect(lawError(match, randomModel(20, 2), drafts)).toBeLessThan(exact);
  });

  it.each(shapes)('is lossless with siblings drawn without replacement, widths $widths', ({ widths }) => {
    const drafts = enumerateTrees(randomModel(121, 3), widths, 'withoutReplacement');
    expect(lawError(match, randomModel(21, 3), drafts)).toBeLessThan(exact);
  });
});
