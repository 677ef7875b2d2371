// A draft that is cut before it is decoded. Knows nothing of what is worth it.
import type { DraftedNode } from '../cost/draft-selection.js';
import type { DraftSelector } from '../cost/round-planner.js';
import type { Draft } from '../draft/drafter.js';
import { ROOT, TokenTree, type NodeIndex } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';

/** The part of a draft that is decoded, and the whole for what can be learnt from it. */
export interface CutDraft {
  readonly kept: Draft;
  /** Tells the selector which nodes of the whole draft came true, decoded or not. */
  readonly learn: (tokens: readonly TokenId[]) => void;
}

/**
 * Keeps the nodes that are worth it. Nothing was drawn for a draft without probabilities, so that what is kept may depend
 * on all of it.
 */
export function cutDraft(draft: Draft, selector: DraftSelector | undefined): CutDraft {
  const { tree, confidences, draftProbs } = draft;
  if (selector === undefined || confidences === undefined || draftProbs !== undefined) {
    return { kept: draft, learn: () => undefined };
  }
  const nodes = Array.from(confidences, (confidence, node): DraftedNode => ({
    confidence,
    parent: tree.parents[node]!,
    depth: tree.depths[node]!,
  }));
  const numKept = selector.select(nodes);
  const kept = numKept === tree.numNodes ? draft : firstNodes(draft, numKept);
  return { kept, learn: (tokens) => learn(selector, { tree, nodes }, tokens) };
}

function firstNodes({ tree, confidences, sources }: Draft, count: number): Draft {
  return {
    tree: new TokenTree(tree.tokens.slice(0, count), tree.parents.slice(0, count)),
    confidences: confidences?.slice(0, count),
    sources: sources?.slice(0, count),
  };
}

function learn(
  selector: DraftSelector,
  { tree, nodes }: { tree: TokenTree; nodes: readonly DraftedNode[] },
  tokens: readonly TokenId[],
): void {
  let node: NodeIndex | undefined = ROOT;
  for (const token of tokens) {
    let next: NodeIndex | undefined;
    for (const child of tree.children(node)) {
      const isAccepted = tree.tokens[child] === token;
      selector.learn(nodes[child]!, isAccepted);
      if (isAccepted) next = child;
    }
    if (next === undefined) return;
    node = next;
  }
}
