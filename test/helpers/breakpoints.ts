import { probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { residual } from '../../src/sampling/residual.js';
import { ROOT, type NodeIndex } from '../../src/tree/token-tree.js';
import { acceptanceProbability } from '../../src/theory/acceptance-ratios.js';
import type { TokenId } from '../../src/types.js';
import { jointRatios, prefixAcceptance } from '../../src/verify/block.js';
import { kSeqRule } from '../../src/verify/k-seq.js';
import { targetAfterRejections } from '../../src/verify/recursive.js';
import { draftRow } from '../../src/verify/request.js';
import { traverse, type Ending } from '../../src/verify/traversal.js';
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

/** Nodes at a depth, the root being at 0. */
function nodesAt({ tree }: VerifyRequest, depth: number): NodeIndex[] {
  if (depth === 0) return [ROOT];
  return Array.from(tree.depths.keys()).filter((node) => tree.depths[node] === depth);
}

const ratioOf = (target: Distribution, draft: Distribution, token: TokenId, scale = 1): number => {
  const draftProbability = probabilityOf(draft, token);
  return draftProbability > 0 ? probabilityOf(target, token) / (scale * draftProbability) : 0;
};

/** Breakpoints of RecursiveVerifier. */
export const recursiveBreakpoints: Breakpoints = {
  accept(request, node) {
    const parent = request.tree.parents[node]!;
    const numBefore = request.tree.children(parent).indexOf(node);
    const target = targetAfterRejections(request, parent, numBefore);
    return [ratioOf(target, draftRow(request, node), request.tree.tokens[node]!)];
  },
  laws: (request, depth) =>
    nodesAt(request, depth).map((node) =>
      targetAfterRejections(request, node, request.tree.children(node).length),
    ),
};

/** Every ending that TraversalVerifier may offer. */
function endingsOf(request: VerifyRequest): Map<NodeIndex, Ending> {
  const endings = new Map<NodeIndex, Ending>();
  const root = traverse(request, (ending) => {
    endings.set(ending.node, ending);
    return false;
  });
  return endings.set(root.node, root);
}

/** Breakpoints of TraversalVerifier. */
export const traversalBreakpoints: Breakpoints = {
  accept: (request, node) => [endingsOf(request).get(node)!.ratio],
  laws: (request, depth) => nodesAt(request, depth).map((node) => endingsOf(request).get(node)!.target),
};

/** Breakpoints of KSeqVerifier. */
export const kSeqBreakpoints: Breakpoints = {
  accept(request, node) {
    const parent = request.tree.parents[node]!;
    const target = request.targetProbs.row(parent + 1);
    const draft = draftRow(request, node);
    const { rho } = kSeqRule(target, draft, request.tree.children(parent).length);
    return [ratioOf(target, draft, request.tree.tokens[node]!, rho)];
  },
  laws: (request, depth) =>
    nodesAt(request, depth).map((node) => {
      const children = request.tree.children(node);
      const target = request.targetProbs.row(node + 1);
      if (children.length === 0) return target;
      return kSeqRule(target, draftRow(request, children[0]!), children.length).rest();
    }),
};

/** Breakpoints of GreedyMultiDraftVerifier. */
export const greedyMultiDraftBreakpoints: Breakpoints = {
  accept: (request, node) => [
    ratioOf(
      request.targetProbs.row(request.tree.parents[node]! + 1),
      draftRow(request, node),
      request.tree.tokens[node]!,
    ),
  ],
  laws: (request, depth) =>
    nodesAt(request, depth).map((node) => {
      const last = request.tree.children(node).at(-1);
      const target = request.targetProbs.row(node + 1);
      return last === undefined ? target : residual(target, draftRow(request, last)).distribution;
    }),
};

/** Breakpoints of ParetoVerifier. */
export const paretoBreakpoints = (epsilon: number): Breakpoints => ({
  accept(request, node) {
    const { target, draft } = chainProbabilities(request, node);
    return [draft > 0 ? (target + epsilon) / draft : 0];
  },
  laws: rejectionBreakpoints.laws,
});
