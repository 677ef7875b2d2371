// Sequential selection: siblings that were drawn independently are tried with one common acceptance threshold.
import { sample } from '../sampling/categorical.js';
import { probabilityOf, type Distribution } from '../sampling/distribution.js';
import { ROOT, type NodeIndex, type SiblingDraws } from '../tree/token-tree.js';
import { isAccepted } from './rejection.js';
import { checkShapes, draftRow } from './request.js';
import type { Verdict, Verifier, VerifyRequest } from './verifier.js';

/** How a node's siblings are tried. */
export interface KSeqRule {
  /** A draft token is accepted with probability `min(1, p / (rho q))`; in [1, numSiblings]. */
  readonly rho: number;
  /** Probability that one of the siblings is accepted. */
  readonly acceptance: number;
  /** What the next token is drawn from when none is: `(p - gamma min(p / rho, q))+`, normalised. */
  rest(): Distribution;
}

const maxSteps = 60;
const tolerance = 1e-12;

/** What a threshold accepts. */
interface Threshold {
  /** `b = sum min(p / rho, q)`: the probability that one draft token is accepted. */
  readonly single: number;
  /** `1 - (1 - b)^k`: that one of k is. */
  readonly any: number;
  /** `any - rho b`; positive below the root. */
  readonly excess: number;
  /** Of `excess` by rho. */
  readonly slope: number;
}

/** @param draft  q of the target's tokens, [supportSize] */
function thresholdAt(probs: Float64Array, draft: Float64Array, numSiblings: number, rho: number): Threshold {
  const inverse = 1 / rho;
  // Even and odd places apart, which a processor adds at once.
  const [singles, belows] = [new Float64Array(2), new Float64Array(2)];
  for (let index = 0; index < probs.length; index++) {
    const scaled = probs[index]! * inverse;
    singles[index % 2]! += Math.min(scaled, draft[index]!);
    belows[index % 2]! += scaled < draft[index]! ? scaled : 0;
  }
  const single = singles[0]! + singles[1]!;
  const below = belows[0]! + belows[1]!;
  let missed = 1;
  for (let sibling = 1; sibling < numSiblings; sibling++) missed *= 1 - single;
  const any = 1 - missed * (1 - single);
  const singleSlope = -below * inverse;
  const slope = numSiblings * missed * singleSlope - single - rho * singleSlope;
  return { single, any, excess: any - rho * single, slope };
}

/** The root of the excess by Newton's method within a bracket; from above, where what is accepted never exceeds p. */
function solveRho(probs: Float64Array, draft: Float64Array, numSiblings: number): number {
  if (numSiblings === 1) return 1;
  let [low, high] = [1, numSiblings];
  let guess = (low + high) / 2;
  for (let step = 0; step < maxSteps; step++) {
    const { excess, slope } = thresholdAt(probs, draft, numSiblings, guess);
    const root = guess - excess / slope;
    if (excess > 0) low = guess;
    else {
      high = guess;
      if (guess - root <= tolerance * guess) break;
    }
    const above = root * (1 + tolerance / 2);
    guess = above > low && above < high ? above : (low + high) / 2;
  }
  return high;
}

/**
 * The rule for `numSiblings` tokens drawn from `draftProbs` with replacement: rho is the root in [1, numSiblings] of
 * `1 - (1 - b)^k = rho b` with `b = sum min(p / rho, q)`, and `gamma = (1 - (1 - b)^k) / b`.
 * @see Sun et al., SpecTr, arXiv:2310.15141, alg. 2 and theorem 2
 */
export function kSeqRule(targetProbs: Distribution, draftProbs: Distribution, numSiblings: number): KSeqRule {
  const probs = Float64Array.from(targetProbs.probs);
  const draft = Float64Array.from(targetProbs.ids, (token) => probabilityOf(draftProbs, token));
  const rho = solveRho(probs, draft, numSiblings);
  const { single, any } = thresholdAt(probs, draft, numSiblings, rho);
  if (!(single > 0)) return { rho, acceptance: 0, rest: () => targetProbs };
  return { rho, acceptance: any, rest: () => restOf(targetProbs, draft, rho, any / single) };
}

function restOf(targetProbs: Distribution, draft: Float64Array, rho: number, gamma: number): Distribution {
  const inverse = 1 / rho;
  const weights = Float64Array.from(targetProbs.probs, (prob, index) =>
    Math.max(0, prob - gamma * Math.min(prob * inverse, draft[index]!)),
  );
  const mass = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(mass > 0)) return targetProbs;
  return { ids: targetProbs.ids, probs: weights.map((weight) => weight / mass) };
}

/**
 * At each node, tries the children in drawing order with the probability that {@link kSeqRule} gives them all, and
 * draws from the rest of the target where all are rejected. Lossless for siblings drawn with replacement; accepts at
 * least 1 - 1/e of what the best rule does. On a chain it is `rejection`.
 *
 * Reads `uniforms.accept[node]` for every child that is tried and `uniforms.sample` at the depth where it ends.
 * @see Sun et al., SpecTr, arXiv:2310.15141, sec. 5 (departures: rho by Newton's method; where rounding leaves the
 *      rest no mass, the target stands in)
 * Cost: O(accepted nodes * supportSize * log supportSize), some ten times that where a node has siblings.
 */
export class KSeqVerifier implements Verifier {
  readonly name = 'k-seq';
  readonly lossless = true;
  readonly needsDraftProbs = true;
  readonly siblings: readonly SiblingDraws[] = ['withReplacement'];
  readonly chainsOnly = false;
  readonly fixedShapesOnly = true;

  verify(request: VerifyRequest): Verdict {
    checkShapes(request);
    const { tree, targetProbs, uniforms } = request;
    const acceptedNodes: NodeIndex[] = [];
    for (let node = ROOT; ;) {
      const depth = acceptedNodes.length;
      const children = tree.children(node);
      const target = targetProbs.row(node + 1);
      if (children.length === 0) {
        return { acceptedNodes, nextToken: sample(target, uniforms.sample[depth]!), nextTokenKind: 'bonus' };
      }
      const draft = draftRow(request, children[0]!);
      const { rho, rest } = kSeqRule(target, draft, children.length);
      const accepted = children.find((child) => {
        const token = tree.tokens[child]!;
        const uniform = rho * uniforms.accept[child]!;
        return isAccepted(uniform, probabilityOf(target, token), probabilityOf(draft, token));
      });
      if (accepted === undefined) {
        return {
          acceptedNodes,
          nextToken: sample(rest(), uniforms.sample[depth]!),
          nextTokenKind: 'recovered',
        };
      }
      acceptedNodes.push(accepted);
      node = accepted;
    }
  }
}
