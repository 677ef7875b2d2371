import { describe, expect, it } from 'vitest';
import type { DraftedNode } from '../../src/cost/draft-selection.js';
import type { Draft } from '../../src/draft/drafter.js';
import { cutDraft } from '../../src/engine/draft-cut.js';
import { oneHot } from '../../src/sampling/distribution.js';
import { TokenTree } from '../../src/tree/token-tree.js';

/** 5 -> 6 -> 7 and 5 -> 8, and 9 beside 5. */
const tree = new TokenTree([5, 6, 8, 9, 7], [-1, 0, 0, -1, 1]);
const draft: Draft = {
  tree,
  confidences: Float64Array.of(0.7, 0.6, 0.3, 0.2, 0.5),
  sources: ['a', 'a', 'b', 'b', 'a'],
};

function selectorOf(numKept: number) {
  const learnt: [number, boolean][] = [];
  const seen: DraftedNode[][] = [];
  return {
    learnt,
    seen,
    select: (nodes: readonly DraftedNode[]) => (seen.push([...nodes]), numKept),
    learn: (node: DraftedNode, isAccepted: boolean) => void learnt.push([node.confidence, isAccepted]),
  };
}

describe('cutting a draft', () => {
  it('keeps the first nodes', () => {
    const selector = selectorOf(3);
    const { kept } = cutDraft(draft, selector);
    expect(Array.from(kept.tree.tokens)).toEqual([5, 6, 8]);
    expect(Array.from(kept.tree.parents)).toEqual([-1, 0, 0]);
    expect(kept.sources).toEqual(['a', 'a', 'b']);
    expect(selector.seen[0]![4]).toEqual({ confidence: 0.5, parent: 1, depth: 3 });
  });

  it('learns of nodes that were not decoded as far as the output tells', () => {
    const selector = selectorOf(1);
    const { learn } = cutDraft(draft, selector);
    learn([5, 8]);
    expect(selector.learnt).toEqual([
      [0.7, true],
      [0.2, false],
      [0.6, false],
      [0.3, true],
    ]);
  });

  it('learns nothing below a token that was not drafted', () => {
    const selector = selectorOf(0);
    const { kept, learn } = cutDraft(draft, selector);
    expect(kept.tree.numNodes).toBe(0);
    learn([4, 6]);
    expect(selector.learnt).toEqual([
      [0.7, false],
      [0.2, false],
    ]);
  });

  it('leaves a draft alone that was drawn, or tells no confidences, or that nobody decides over', () => {
    const drawn: Draft = { ...draft, draftProbs: { numRows: 5, row: (node) => oneHot(tree.tokens[node]!) } };
    const silent: Draft = { tree };
    for (const one of [drawn, silent]) expect(cutDraft(one, selectorOf(1)).kept).toBe(one);
    expect(cutDraft(draft, undefined).kept).toBe(draft);
  });
});
