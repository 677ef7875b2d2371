// What verifiers share about their input: its shape, and the row a node was drawn from.
import { ShapeError } from '../errors.js';
import { oneHot, type Distribution } from '../sampling/distribution.js';
import type { NodeIndex } from '../tree/token-tree.js';
import type { VerifyRequest } from './verifier.js';

/**
 * Checks that rows and uniforms fit the tree.
 * @throws {ShapeError} naming what disagrees
 */
export function checkShapes({ tree, draftProbs, targetProbs, uniforms }: VerifyRequest): void {
  // Rows behind those of the tree are of tokens that only fill the batch.
  checkCount('target rows', tree.numNodes + 1, Math.min(tree.numNodes + 1, targetProbs.numRows));
  if (draftProbs !== undefined) checkCount('draft rows', tree.numNodes, draftProbs.numRows);
  checkCount('accept uniforms', tree.numNodes, uniforms.accept.length);
  checkCount('sample uniforms', tree.maxDepth + 1, uniforms.sample.length);
}

/**
 * As {@link checkShapes}, for rules that know chains only. The nodes of a chain are numbered by depth.
 * @throws {ShapeError} when a node has two children
 */
export function checkChain(request: VerifyRequest, verifier: string): void {
  if (!request.tree.isChain)
    throw new ShapeError(`Expected a chain for ${verifier} but received a branching tree`);
  checkShapes(request);
}

/** The row `node` was drawn from; one-hot on its token when the drafter is deterministic. */
export function draftRow({ tree, draftProbs }: VerifyRequest, node: NodeIndex): Distribution {
  return draftProbs?.row(node) ?? oneHot(tree.tokens[node]!);
}

function checkCount(what: string, expected: number, received: number): void {
  if (expected !== received) throw new ShapeError(`Expected ${expected} ${what} but received ${received}`);
}
