// A mean that old values count less and less in. Knows nothing of what is measured.

/** Of about the last twenty values. */
const usualFading = 0.95;

/** The mean of the last values, the older the less they count. */
export class FadingMean {
  readonly #fading: number;
  #sum = 0;
  #weight = 0;

  /** @param fading  share of a value's weight that is left after the next one, in [0, 1) */
  constructor(fading = usualFading) {
    this.#fading = fading;
  }

  observe(value: number): void {
    this.#sum = this.#fading * this.#sum + value;
    this.#weight = this.#fading * this.#weight + 1;
  }

  /** 0 before the first value. */
  get value(): number {
    return this.#weight === 0 ? 0 : this.#sum / this.#weight;
  }
}
