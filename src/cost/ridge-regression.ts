// Linear regression that forgets, under a prior. Knows nothing of what is measured.

/** Options of a {@link RidgeRegression}. */
export interface RidgeOptions {
  /** [numTerms]: measurements of a term of size 1 that "it counts for nothing" stands for. */
  readonly ridge: readonly number[];
  /** Share of an old measurement's weight that is left after each new one. */
  readonly decay: number;
}

/**
 * Least squares under a ridge: of few or like measurements little is believed. No coefficient but the first is below 0.
 * @see Hoerl, Kennard: Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12 (1970), sec. 2
 */
export class RidgeRegression {
  readonly #decay: number;
  /** [numTerms][numTerms]: sums of products of terms, of measurements that stay. */
  readonly #kept: number[][];
  readonly #keptTargets: number[];
  /** Likewise, of those that fade. */
  readonly #fading: number[][];
  readonly #fadingTargets: number[];
  #coefficients: readonly number[] | undefined;

  constructor({ ridge, decay }: RidgeOptions) {
    this.#decay = decay;
    this.#kept = ridge.map((one, row) => ridge.map((_, column) => (row === column ? one : 0)));
    this.#keptTargets = ridge.map(() => 0);
    this.#fading = ridge.map(() => ridge.map(() => 0));
    this.#fadingTargets = ridge.map(() => 0);
  }

  /** One that has seen the same. */
  copy(): RidgeRegression {
    const copy = new RidgeRegression({ ridge: this.#keptTargets.map(() => 0), decay: this.#decay });
    for (const row of this.#kept.keys()) {
      copy.#kept[row] = [...this.#kept[row]!];
      copy.#fading[row] = [...this.#fading[row]!];
      copy.#keptTargets[row] = this.#keptTargets[row]!;
      copy.#fadingTargets[row] = this.#fadingTargets[row]!;
    }
    return copy;
  }

  /** A measurement that is believed for good, as `weight` of those that fade. */
  keep(terms: readonly number[], target: number, weight: number): void {
    this.#add(this.#kept, this.#keptTargets, terms, target, weight);
  }

  observe(terms: readonly number[], target: number): void {
    for (const row of [...this.#fading, this.#fadingTargets])
      for (let column = 0; column < row.length; column++) row[column]! *= this.#decay;
    this.#add(this.#fading, this.#fadingTargets, terms, target, 1);
  }

  /** [numTerms] */
  get coefficients(): readonly number[] {
    this.#coefficients ??= this.#solve();
    return this.#coefficients;
  }

  #add(sums: number[][], targets: number[], terms: readonly number[], target: number, weight: number): void {
    this.#coefficients = undefined;
    for (const [row, one] of terms.entries()) {
      targets[row]! += weight * one * target;
      for (const [column, other] of terms.entries()) sums[row]![column]! += weight * one * other;
    }
  }

  /** Terms whose coefficients come out below 0 are left out, the worst first. */
  #solve(): number[] {
    let active = this.#keptTargets.map((_, term) => term);
    for (;;) {
      const solved = this.#solveFor(active);
      const worst = active
        .map((term, index) => ({ term, value: solved[index]! }))
        .filter(({ term, value }) => term > 0 && value < 0)
        .sort((one, other) => one.value - other.value)[0];
      if (worst === undefined)
        return this.#keptTargets.map((_, term) =>
          active.includes(term) ? solved[active.indexOf(term)]! : 0,
        );
      active = active.filter((term) => term !== worst.term);
    }
  }

  /** Elimination: the sums are positive definite by the ridge. */
  #solveFor(active: readonly number[]): number[] {
    const rows = active.map((row) => [
      ...active.map((column) => this.#kept[row]![column]! + this.#fading[row]![column]!),
      this.#keptTargets[row]! + this.#fadingTargets[row]!,
    ]);
    for (const [step, pivot] of rows.entries())
      for (const [index, row] of rows.entries()) {
        if (index === step) continue;
        const factor = row[step]! / pivot[step]!;
        for (let column = step; column < row.length; column++) row[column]! -= factor * pivot[column]!;
      }
    return rows.map((row, index) => row.at(-1)! / row[index]!);
  }
}
