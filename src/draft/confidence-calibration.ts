// What a drafter's confidence is worth, learnt from what came true. Knows nothing of drafters.
import { acceptanceKnots } from './acceptance-model.js';

const numKnots = acceptanceKnots.length;
/** Observations that "the drafter is right about itself" stands for at each knot. */
const priorTries = 6;
/** Beyond so many observations at a knot old ones count less and less. */
const memory = 500;

/**
 * The share of nodes that came true, as a function of the confidence they were proposed with; linear between knots, and the
 * confidence itself where nothing was seen.
 */
export class ConfidenceCalibration {
  readonly #tried = new Float64Array(numKnots);
  readonly #true = new Float64Array(numKnots);

  /** @param isTrue  the node was the next token, where its parent had been */
  observe(confidence: number, isTrue: boolean): void {
    const { low, share } = placeOf(confidence);
    this.#count(low, 1 - share, isTrue);
    this.#count(low + 1, share, isTrue);
  }

  /** @returns in [0, 1] */
  calibrated(confidence: number): number {
    const { low, share } = placeOf(confidence);
    return (1 - share) * this.#at(low) + share * this.#at(low + 1);
  }

  #at(knot: number): number {
    return (this.#true[knot]! + priorTries * acceptanceKnots[knot]!) / (this.#tried[knot]! + priorTries);
  }

  #count(knot: number, weight: number, isTrue: boolean): void {
    if (this.#tried[knot]! > memory) {
      this.#true[knot]! *= memory / this.#tried[knot]!;
      this.#tried[knot] = memory;
    }
    this.#tried[knot]! += weight;
    if (isTrue) this.#true[knot]! += weight;
  }
}

/** The knots around a confidence, and how far it is from the lower to the upper one. */
function placeOf(confidence: number): { readonly low: number; readonly share: number } {
  const above = acceptanceKnots.findIndex((knot) => knot > confidence);
  const low = (above === -1 ? numKnots - 1 : Math.max(above, 1)) - 1;
  const [from, to] = [acceptanceKnots[low]!, acceptanceKnots[low + 1]!];
  return { low, share: Math.min(1, Math.max(0, (confidence - from) / (to - from))) };
}
