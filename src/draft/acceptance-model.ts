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
/**
 * Beyond so many tries at a knot old ones count less and less, so that a change of subject is followed: where a draft model is
 * unsure, the target may be as unsure, or sure of something else, and what is right of one text is wrong of the next within
 * some tries. Where it is sure it rarely errs, which takes more tries to tell.
 */
const memory = { unsure: 16, nearlySure: 60, sure: 300 } as const;
const memories: readonly number[] = acceptanceKnots.map((knot) =>
  knot < 0.9 ? memory.unsure : knot < 1 ? memory.nearlySure : memory.sure,
);
/** As above, where the mean over all texts is asked for. */
const longMemory = 2000;

/** [numRanks, numKnots]: tries and successes, the older ones counting less beyond so many. */
class FadingCounts {
  readonly tried: Float64Array;
  readonly accepted: Float64Array;
  readonly #memoryAt: (knot: number) => number;

  constructor({ tried, accepted }: AcceptanceCounts, memoryAt: (knot: number) => number) {
    this.tried = Float64Array.from(tried);
    this.accepted = Float64Array.from(accepted);
    this.#memoryAt = memoryAt;
    for (const index of this.tried.keys()) this.#fade(index);
  }

  count(index: number, weight: number, isAccepted: boolean): void {
    this.#fade(index);
    this.tried[index]! += weight;
    if (isAccepted) this.accepted[index]! += weight;
  }

  /** [numRanks, numKnots]: acceptance at each knot. */
  rates(): Float64Array {
    return this.tried.map((tried, index) => {
      const [low, high] = priors[Math.floor(index / numKnots)]!;
      const prior = low + (high - low) * acceptanceKnots[index % numKnots]!;
      return (this.accepted[index]! + priorTries * prior) / (tried + priorTries);
    });
  }

  #fade(index: number): void {
    const most = this.#memoryAt(index % numKnots);
    if (this.tried[index]! <= most) return;
    this.accepted[index]! *= most / this.tried[index]!;
    this.tried[index] = most;
  }
}

/**
 * The acceptance of the k-th sibling as a function of its draft probability, given that its parent was accepted and the
 * siblings before were rejected: a count of tries and successes at fixed knots, on top of a stated prior.
 * Changes only by {@link observe}; a tree has to be grown with one state of it.
 */
export class AcceptanceModel {
  /** [numKnots] */
  readonly knots: Float64Array;
  /** Of the last texts, and of many. */
  readonly #recent: FadingCounts;
  readonly #long: FadingCounts;

  /**
   * @param counts  of an earlier run; ignored where its size is another
   * @param factor  of the target's temperature that drafts are drawn at
   */
  constructor(counts?: AcceptanceCounts, factor = 1) {
    this.knots = Float64Array.from(acceptanceKnots, (knot, index) =>
      Math.max(index * leastDistance, tempered(knot, factor)),
    );
    const size = numRanks * numKnots;
    const isKept = counts?.tried.length === size && counts.accepted.length === size;
    const none = new Array<number>(size).fill(0);
    const known = isKept ? counts : { tried: none, accepted: none };
    this.#recent = new FadingCounts(known, (knot) => memories[knot]!);
    this.#long = new FadingCounts(known, () => longMemory);
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

  /** [numRanks, numKnots]: acceptance at each knot, in the last texts. */
  rates(): Float64Array {
    return this.#recent.rates();
  }

  /**
   * The probability that the k-th sibling is the accepted one, over all draft probabilities that were seen, in many texts.
   * @returns [numSiblings], falling
   */
  positional(numSiblings: number): number[] {
    const rates = this.#long.rates();
    let left = 1;
    return Array.from({ length: numSiblings }, (_, rank) => {
      const row = Math.min(rank, numRanks - 1) * numKnots;
      let [tries, successes] = [0, 0];
      for (let knot = row; knot < row + numKnots; knot++) {
        tries += this.#long.tried[knot]! + priorTries;
        successes += rates[knot]! * (this.#long.tried[knot]! + priorTries);
      }
      const accepted = left * (successes / tries);
      left -= accepted;
      return accepted;
    });
  }

  toJSON(): AcceptanceCounts {
    return { tried: Array.from(this.#long.tried), accepted: Array.from(this.#long.accepted) };
  }

  #count(index: number, weight: number, isAccepted: boolean): void {
    this.#recent.count(index, weight, isAccepted);
    this.#long.count(index, weight, isAccepted);
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
