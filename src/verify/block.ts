// Block verification: accepts a chain as a whole, longest prefix first.
import { sample } from '../sampling/categorical.js';
import { probabilityOf } from '../sampling/distribution.js';
import { residualWeights, sampleResidual } from '../sampling/residual.js';
import { jointRatio } from '../theory/acceptance-ratios.js';
import type { SiblingDraws } from '../tree/token-tree.js';
import { checkChain, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/**
 * The joint ratios of a chain's prefixes: `P_0 = 1`, `P_i = min(1, P_{i-1} * p(x_i) / q(x_i))`.
 * @returns [numNodes + 1], each in [0, 1]; 0 from a token on that its drafter cannot have drawn
 */
export function jointRatios(request: VerifyRequest): Float64Array {
  const { tree, targetProbs } = request;
  const ratios = new Float64Array(tree.numNodes + 1).fill(1);
  for (let node = 0; node < tree.numNodes; node++) {
    const token = tree.tokens[node]!;
    const targetProbability = probabilityOf(targetProbs.row(node), token);
    const draftProbability = probabilityOf(draftRow(request, node), token);
    ratios[node + 1] = jointRatio(ratios[node]!, targetProbability, draftProbability);
  }
  return ratios;
}

/**
 * The probability of keeping the first `length` draft tokens once every longer prefix was turned down:
 * `h_i = S_i / (S_i + 1 - P_i)` with `S_i` the mass of `(P_i p - q)+` after the prefix, and `h_L = P_L`.
 *
 * Where `P_i` is 1 and `S_i` is 0 (target and draft agree) the next token is accepted for sure and any value would
 * do: it is 1.
 * @param length  i, in [1, numNodes]
 * @param ratio   `P_i`, from {@link jointRatios}
 */
export function prefixAcceptance(request: VerifyRequest, length: number, ratio: number): number {
  if (length === request.tree.numNodes) return ratio;
  const { mass } = residualWeights(request.targetProbs.row(length), draftRow(request, length), ratio);
  const total = mass + (1 - ratio);
  return total > 0 ? mass / total : 1;
}

/**
 * Accepts the longest prefix whose uniform falls below {@link prefixAcceptance}, scanning from the deepest; then
 * draws from `(P p - q)+` after that prefix, or a bonus token after the whole chain. Lossless, and never fewer
 * expected tokens than token-wise rejection: it is optimal among rules for one chain.
 *
 * Reads `uniforms.accept[i - 1]` for prefixes of i tokens from the longest to the accepted one, and
 * `uniforms.sample` at the accepted length only.
 * @see Sun et al., Block verification accelerates speculative decoding, arXiv:2403.10444 (departures: a
 *      deterministic drafter counts as one-hot; where rounding leaves the residual no mass, the target stands in)
 * Cost: O(numNodes * supportSize).
 */
export class BlockVerifier implements Verifier {
  readonly name = 'block';
  readonly lossless = true;
  readonly needsDraftProbs = true;
  readonly siblings: readonly SiblingDraws[] = ['withReplacement', 'withoutReplacement', 'deterministic'];
  readonly chainsOnly = true;
  readonly fixedShapesOnly = false;

  verify(request: VerifyRequest): Verdict {
    checkChain(request, this.name);
    const { tree, targetProbs, uniforms } = request;
    const ratios = jointRatios(request);
    let length = tree.numNodes;
    while (
      length > 0 &&
      !(uniforms.accept[length - 1]! < prefixAcceptance(request, length, ratios[length]!))
    ) {
      length -= 1;
    }
    const acceptedNodes = Array.from({ length }, (_, node) => node);
    const target = targetProbs.row(length);
    const uniform = uniforms.sample[length]!;
    if (length === tree.numNodes) {
      return { acceptedNodes, nextToken: sample(target, uniform), nextTokenKind: 'bonus' };
    }
    const nextToken = sampleResidual(target, draftRow(request, length), ratios[length]!, uniform);
    return { acceptedNodes, nextToken, nextTokenKind: 'recovered' };
  }
}
