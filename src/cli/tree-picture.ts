// A round's token tree as lines of text.
import type { DraftedRound } from '../engine/round.js';
import { ROOT, type NodeIndex } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';

/** The tree with a mark at accepted nodes; the recovered or bonus token stands where the next round starts. */
export function treePicture(
  { tree, acceptedNodes, nextToken }: DraftedRound,
  textOf: (token: TokenId) => string,
): string[] {
  const lines = [`${acceptedNodes.length} accepted of ${tree.numNodes} drafted`];
  const shown = (token: TokenId): string => JSON.stringify(textOf(token));
  const last = acceptedNodes.at(-1) ?? ROOT;
  const visit = (node: NodeIndex, indent: string): void => {
    const below = tree.children(node).map((child) => ({
      label: `${shown(tree.tokens[child]!)}${acceptedNodes.includes(child) ? ' ✓' : ''}`,
      child: child as NodeIndex | undefined,
    }));
    if (node === last) below.push({ label: `${shown(nextToken)} *`, child: undefined });
    for (const [index, { label, child }] of below.entries()) {
      const isLast = index === below.length - 1;
      lines.push(`${indent}${isLast ? '└─' : '├─'} ${label}`);
      if (child !== undefined) visit(child, `${indent}${isLast ? '  ' : '│ '} `);
    }
  };
  visit(ROOT, '');
  return lines;
}
