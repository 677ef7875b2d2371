// How much of a draft is worth its decoding. Knows nothing of models, tokens or time: costs come in as numbers.
import { FadingRates, type AcceptedCounts } from '../metrics/fading-rates.js';

/** What a drafter says of one node, and where the node is. */
export interface DraftedNode {
  /** How sure the drafter is of the node once its parent is accepted, in [0, 1]. */
  readonly confidence: number;
  /** The parent; negative for the root. Parents come before their children. */
  readonly parent: number;
  /** 1 for children of the root. */
  readonly depth: number;
}

/** What calibrated confidences promise of the first m nodes of a draft, [numNodes + 1]. */
export type PromisedTokens = Float64Array;

/** Bounds of the confidences that are told apart, in log-odds. */
const edges = [-4, -3, -2.2, -1.5, -0.9, -0.3, 0.3, 0.9, 1.5, 2.2, 3, 4];
const numCells = edges.length + 1;
/** Depths that are told apart; later ones count as the last. */
const numDepths = 3;
/** Tries that a drafter's own word stands for. */
const priorTries = 3;
/** Beyond so many tries old ones count less and less, so that a change of subject is followed. */
const memory = 200;

/**
 * Holds what a drafter says of its nodes against what came true, by confidence and depth.
 *
 * A node is judged when its parent was accepted and the next token is known, decoded or not: how many nodes were decoded
 * does not bias what is learnt, and drafts that were not decoded at all teach as well.
 */
export class ConfidenceCalibration {
  readonly #rates: FadingRates;

  /** @param counts  of an earlier run */
  constructor(counts?: AcceptedCounts) {
    this.#rates = new FadingRates(numDepths * numCells, { priorTries, memory, counts });
  }

  /** The probability that the node is accepted once its parent is. */
  rate({ confidence, depth }: DraftedNode): number {
    return this.#rates.rate(cellOf(confidence, depth), confidence);
  }

  observe({ confidence, depth }: DraftedNode, isAccepted: boolean): void {
    this.#rates.observe(cellOf(confidence, depth), isAccepted);
  }

  /** Accepted tokens that the first m nodes promise, for every m. */
  promised(nodes: readonly DraftedNode[]): PromisedTokens {
    const reached = new Float64Array(nodes.length);
    const promised = new Float64Array(nodes.length + 1);
    for (const [index, node] of nodes.entries()) {
      reached[index] = (node.parent < 0 ? 1 : reached[node.parent]!) * this.rate(node);
      promised[index + 1] = promised[index]! + reached[index];
    }
    return promised;
  }

  toJSON(): AcceptedCounts {
    return this.#rates.toJSON();
  }
}

/** Options of {@link selectNodes}. */
export interface Selection {
  readonly promised: PromisedTokens;
  /** Milliseconds of decoding and verifying m draft tokens, 0 being a round without any; undefined where unknown. */
  readonly ms: (numNodes: number) => number | undefined;
  /** Tokens a millisecond that are to be had otherwise, at least those of plain decoding. */
  readonly tokensPerMs: number;
}

/** Share of what is promised that is counted on. */
const trusted = 0.97;

/**
 * The number of first nodes that brings most, what the time would bring otherwise taken off. 0 where none brings more than
 * a round without a draft.
 *
 * @see Dinkelbach, On Nonlinear Fractional Programming, 1967: the best ratio of tokens to time is found by maximising their
 *      difference at the price that the ratio itself sets
 */
export function selectNodes({ promised, ms, tokensPerMs }: Selection): number {
  const plainMs = ms(0);
  if (plainMs === undefined) return 0;
  let best = { numNodes: 0, value: 1 - tokensPerMs * plainMs };
  for (let numNodes = 1; numNodes < promised.length; numNodes++) {
    const roundMs = ms(numNodes);
    if (roundMs === undefined) break;
    const value = trusted * (1 + promised[numNodes]!) - tokensPerMs * roundMs;
    if (value > best.value) best = { numNodes, value };
  }
  return best.numNodes;
}

function cellOf(confidence: number, depth: number): number {
  const logOdds = Math.log(confidence / (1 - confidence));
  const above = edges.findIndex((edge) => logOdds < edge);
  return (Math.min(depth, numDepths) - 1) * numCells + (above === -1 ? edges.length : above);
}
