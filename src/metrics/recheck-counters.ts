// What dense batches made of a thinned target's tokens, and that one of its own drafts. Knows nothing of models.
import type { RoundRecord } from './counters.js';

/** Figures of a generation whose thinned target is rechecked, so far. */
export interface RecheckStats {
  /** Runs of the thinned target that a dense batch verified. */
  readonly rechecks: number;
  /** Tokens of a run on average; 0 without any. */
  readonly interval: number;
  /** Share of them that the dense batch accepted; 0 without any. */
  readonly acceptanceRate: number;
  /** Rounds of the thinned target. */
  readonly innerRounds: number;
  /** Share of its drafter's tokens that it accepted; 0 where nothing was drafted. */
  readonly innerAcceptanceRate: number;
  /** Its tokens a round; 0 without any. */
  readonly innerMeanAcceptanceLength: number;
}

/** Adds up runs of a thinned target. */
export class RecheckCounters {
  #runs = 0;
  #drafted = 0;
  #accepted = 0;
  #rounds = 0;
  #innerDrafted = 0;
  #innerAccepted = 0;

  /** A run of the thinned target is drafted. */
  run(numTokens: number): void {
    this.#runs += 1;
    this.#drafted += numTokens;
  }

  /** A dense batch accepted so many tokens of the last run. */
  accept(numTokens: number): void {
    this.#accepted += numTokens;
  }

  /** A round of the thinned target. */
  inner({ numDraftTokens, numAccepted }: RoundRecord): void {
    this.#rounds += 1;
    this.#innerDrafted += numDraftTokens;
    this.#innerAccepted += numAccepted;
  }

  get stats(): RecheckStats {
    const ratio = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
    return {
      rechecks: this.#runs,
      interval: ratio(this.#drafted, this.#runs),
      acceptanceRate: ratio(this.#accepted, this.#drafted),
      innerRounds: this.#rounds,
      innerAcceptanceRate: ratio(this.#innerAccepted, this.#innerDrafted),
      innerMeanAcceptanceLength: ratio(this.#innerAccepted + this.#rounds, this.#rounds),
    };
  }
}
