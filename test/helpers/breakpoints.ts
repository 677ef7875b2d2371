import { probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { residual } from '../../src/sampling/residual.js';
import { jointRatios, prefixAcceptance } from '../../src/verify/block.js';
import { acceptanceProbability } from '../../src/verify/rejection.js';
import { draftRow } from '../../src/verify/request.js';
import type { VerifyRequest } from '../../src/verify/verifier.js';
import type { Breakpoints } from './enumerate-round.js';

/** The target rows at a depth of the tree, 0 being the root. */
export function targetRowsAt({ tree, targetProbs }: VerifyRequest, depth: number): Distribution[] {
  if (depth === 0) return [targetProbs.row(0)];
  return Array.from(tree.depths.keys())
    .filter((node) => tree.depths[node] === depth)
    .map((node) => targetProbs.row(node + 1));
}

/** The residual that a chain's rule may sample at a depth; none after the last node. */
export function chainResidual(request: VerifyRequest, depth: number, scale: number): Distribution[] {
  if (depth === request.tree.numNodes) return [];
  return [residual(request.targetProbs.row(depth), draftRow(request, depth), scale).distribution];
}

/** p and q of a chain's token. */
export function chainProbabilities(request: VerifyRequest, node: number): { target: number; draft: number } {
  const token = request.tree.tokens[node]!;
  return {
    target: probabilityOf(request.targetProbs.row(node), token),
    draft: probabilityOf(draftRow(request, node), token),
  };
}

/** Breakpoints of MatchVerifier. */
export const matchBreakpoints: Breakpoints = {
  accept: () => [],
  laws: targetRowsAt,
};

/** Breakpoints of RejectionVerifier. */
export const rejectionBreakpoints: Breakpoints = {
  accept(request, node) {
    const { target, draft } = chainProbabilities(request, node);
    return [acceptanceProbability(target, draft)];
  },
  laws: (request, depth) => [...targetRowsAt(request, depth), ...chainResidual(request, depth, 1)],
};

/** Breakpoints of BlockVerifier. */
export const blockBreakpoints: Breakpoints = {
  accept: (request, node) => [prefixAcceptance(request, node + 1, jointRatios(request)[node + 1]!)],
  laws: (request, depth) => [
    ...targetRowsAt(request, depth),
    ...chainResidual(request, depth, jointRatios(request)[depth]!),
  ],
};
