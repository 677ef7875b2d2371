// Rates of success that old tries bear on less and less. Knows nothing of what is tried.

/** Tries and successes of each cell, as plain data; fractional where old ones fade. */
export interface AcceptedCounts {
  readonly tried: readonly number[];
  readonly accepted: readonly number[];
  /** Of tries of something that was not there after all, where that is told apart. */
  readonly missing?: readonly number[] | undefined;
}

/** Successes over tries, cell by cell, on top of a prior. */
export class FadingRates {
  readonly #tried: Float64Array;
  readonly #succeeded: Float64Array;
  readonly #priorTries: number;
  readonly #memory: number;

  /**
   * @param priorTries  tries that a cell's prior stands for
   * @param memory      beyond so many tries of a cell its old ones count less
   * @param counts      of an earlier run; ignored where they are of another number of cells
   */
  constructor(
    numCells: number,
    {
      priorTries,
      memory,
      counts,
    }: { priorTries: number; memory: number; counts?: AcceptedCounts | undefined },
  ) {
    this.#tried = new Float64Array(numCells);
    this.#succeeded = new Float64Array(numCells);
    this.#priorTries = priorTries;
    this.#memory = memory;
    if (counts?.tried.length !== numCells || counts.accepted.length !== numCells) return;
    this.#tried.set(counts.tried);
    this.#succeeded.set(counts.accepted);
  }

  observe(cell: number, hasSucceeded: boolean): void {
    const scale = Math.min(1, this.#memory / (this.#tried[cell]! + 1));
    this.#tried[cell] = scale * (this.#tried[cell]! + 1);
    this.#succeeded[cell] = scale * (this.#succeeded[cell]! + (hasSucceeded ? 1 : 0));
  }

  /** @param prior  the rate before anything was tried */
  rate(cell: number, prior: number): number {
    const tries = this.#priorTries;
    return (this.#succeeded[cell]! + tries * prior) / (this.#tried[cell]! + tries);
  }

  toJSON(): AcceptedCounts {
    return { tried: Array.from(this.#tried), accepted: Array.from(this.#succeeded) };
  }
}
