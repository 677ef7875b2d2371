// A mean that old values count less and less in. Knows nothing of what is measured.

/** Share of a value's weight that is left after the next one. */
const fading = 0.95;

/** The mean of about the last twenty values. */
export class FadingMean {
  #sum = 0;
  #weight = 0;

  observe(value: number): void {
    this.#sum = fading * this.#sum + value;
    this.#weight = fading * this.#weight + 1;
  }

  /** 0 before the first value. */
  get value(): number {
    return this.#weight === 0 ? 0 : this.#sum / this.#weight;
  }
}
