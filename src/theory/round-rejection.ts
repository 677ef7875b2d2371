// When a round counts as a rejection. Knows nothing of rules.
import { ROOT, type NodeIndex, type TokenTree } from '../tree/token-tree.js';

/**
 * Whether a round ends with a rejection: its accepted path ends where draft tokens go on, so that one was there to be
 * accepted and none was; the token after the path is then drawn from what is left of the target. On a chain these are the
 * rounds that accept fewer tokens than they drafted. A path that ends at a leaf is followed by a bonus token, however much
 * deeper other paths of the tree go, and a round without a draft has nothing to reject.
 * @param acceptedNodes  from the root's child downwards
 */
export function isRejection(tree: TokenTree, acceptedNodes: readonly NodeIndex[]): boolean {
  return tree.children(acceptedNodes.at(-1) ?? ROOT).length > 0;
}
