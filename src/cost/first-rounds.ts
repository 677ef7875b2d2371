// How long a drafter is given before it is judged. Knows nothing of costs or drafts.

/** Rounds that speculation is believed in before it is measured. */
const believedRounds = 2;
/**
 * In the first rounds bad luck is likely: a drafter that would pay if it were a mediocre one is given so many rounds, while
 * they cost no more than so many plain tokens.
 */
const hastyRounds = 12;
const hastyLoss = 4;

/** Counts rounds that drafted, and what they lost against plain decoding. */
export class FirstRounds {
  #numRounds = 0;
  #lostTokens = 0;

  /** @param lostTokens  plain tokens that the time of a round would have brought, less its own */
  observe(lostTokens: number): void {
    this.#numRounds += 1;
    this.#lostTokens += lostTokens;
  }

  /** Nothing can be said yet. */
  get isUnknown(): boolean {
    return this.#numRounds < believedRounds;
  }

  /**
   * What was seen so far may be bad luck, and to see more costs little.
   * @param beginTokens  plain tokens that it would take to begin
   */
  isHasty(beginTokens = 0): boolean {
    return this.#numRounds < hastyRounds && this.#lostTokens + beginTokens < hastyLoss;
  }
}
