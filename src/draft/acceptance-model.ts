// How often drafted siblings are accepted, learnt from verified rounds. Knows nothing of models.

/** Observations as plain data, to be kept between runs. */
export interface AcceptanceCounts {
  /** [numRanks, numKnots]: tries at each knot, fractional because a try counts for its two neighbours. */
  readonly tried: readonly number[];
  /** As `tried`: those that were accepted. */
  readonly accepted: readonly number[];
}

/** Draft probabilities at the target's temperature at which acceptance is kept; linear between them. */
export const acceptanceKnots: readonly number[] = [
  0, 0.02, 0.06, 0.15, 0.28, 0.43, 0.58, 0.73, 0.85, 0.94, 1,
];
/** Knots of drafts that are drawn colder lie so far apart at least. */
const leastDistance = 1e-3;
/** First, second, and all later siblings. */
const numRanks = 3;
const numKnots = acceptanceKnots.length;
/** What is assumed before anything was seen, at probability 0 and 1: a mediocre draft. */
const priors: readonly (readonly [number, number])[] = [
  [0.6, 0.95],
  [0.3, 0.6],
  [0.15, 0.4],
];
/** Tries that the prior stands for at each knot. */
const priorTries = 4;
/** Beyond so many tries at a knot old ones count less and less, so that a change of subject is followed. */
const memory = 300;

/**
 * The acceptance of the k-th sibling as a function of its draft probability, given that its parent was accepted and the
 * siblings before were rejected: a count of tries and successes at fixed knots, on top of a stated prior.
 * Changes only by {@link observe}; a tree has to be grown with one state of it.
 */
export class AcceptanceModel {
  /** [numKnots] */
  readonly knots: Float64Array;
  readonly #tried: Float64Array;
  readonly #accepted: Float64Array;

  /**
   * @param counts  of an earlier run; ignored where its size is another
   * @param factor  of the target's temperature that drafts are drawn at
   */
  constructor(counts?: AcceptanceCounts, factor = 1) {
    this.knots = Float64Array.from(acceptanceKnots, (knot, index) =>
      Math.max(index * leastDistance, tempered(knot, factor)),
    );
    const fits =
      counts?.tried.length === numRanks * numKnots && counts.accepted.length === numRanks * numKnots;
    this.#tried = Float64Array.from(fits ? counts.tried : new Float64Array(numRanks * numKnots));
    this.#accepted = Float64Array.from(fits ? counts.accepted : new Float64Array(numRanks * numKnots));
  }

  /**
   * Learns from a sibling that was tried.
   * @param rank         siblings before it
   * @param probability  in the row it was drawn from
   */
  observe(rank: number, probability: number, isAccepted: boolean): void {
    const row = Math.min(rank, numRanks - 1) * numKnots;
    const above = this.knots.findIndex((knot) => knot > probability);
    const high = above === -1 ? numKnots - 1 : above;
    const [from, to] = [this.knots[high - 1]!, this.knots[high]!];
    const share = Math.min(1, (probability - from) / (to - from));
    this.#count(row + high - 1, 1 - share, isAccepted);
    this.#count(row + high, share, isAccepted);
  }

  /** [numRanks, numKnots]: acceptance at each knot. */
  rates(): Float64Array {
    return this.#tried.map((tried, index) => {
      const [low, high] = priors[Math.floor(index / numKnots)]!;
      const prior = low + (high - low) * acceptanceKnots[index % numKnots]!;
      return (this.#accepted[index]! + priorTries * prior) / (tried + priorTries);
    });
  }

  /**
   * The probability that the k-th sibling is the accepted one, over all draft probabilities that were seen.
   * @returns [numSiblings], falling
   */
  positional(numSiblings: number): number[] {
    const rates = this.rates();
    let left = 1;
    return Array.from({ length: numSiblings }, (_, rank) => {
      const row = Math.min(rank, numRanks - 1) * numKnots;
      let [tries, successes] = [0, 0];
      for (let knot = row; knot < row + numKnots; knot++) {
        tries += this.#tried[knot]! + priorTries;
        successes += rates[knot]! * (this.#tried[knot]! + priorTries);
      }
      const accepted = left * (successes / tries);
      left -= accepted;
      return accepted;
    });
  }

  toJSON(): AcceptanceCounts {
    return { tried: Array.from(this.#tried), accepted: Array.from(this.#accepted) };
  }

  #count(index: number, weight: number, isAccepted: boolean): void {
    if (this.#tried[index]! > memory) {
      this.#accepted[index]! *= memory / this.#tried[index]!;
      this.#tried[index] = memory;
    }
    this.#tried[index]! += weight;
    if (isAccepted) this.#accepted[index]! += weight;
  }
}

/**
 * What becomes of a probability when a row is drawn from at so many times the temperature, if all else is one other token: cold
 * rows are sure of nearly everything, and how sure the model was is told by where they are near 1.
 */
function tempered(probability: number, factor: number): number {
  const [one, other] = [probability ** (1 / factor), (1 - probability) ** (1 / factor)];
  return one / (one + other);
}
