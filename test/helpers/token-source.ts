import { SeededRandom } from '../fixtures/seeded-random.js';

const vocabSize = 32_000;
/** Phrases that come again and again, as in texts of one kind. */
const numPhrases = 20_000;

/**
 * Documents like texts: token frequencies fall as ranks rise (Zipf), and half of the tokens belong to phrases that come
 * again. The seed says which phrases and documents.
 */
export class TokenSource {
  readonly #random: SeededRandom;
  readonly #phrases: readonly Int32Array[];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed, 'token source');
    this.#phrases = Array.from({ length: numPhrases }, () =>
      Int32Array.from({ length: 4 + this.#below(24) }, () => this.#token()),
    );
  }

  /** 100 to 1100 tokens. */
  document(): Int32Array {
    const document = new Int32Array(100 + this.#below(1000));
    for (let length = 0; length < document.length;) {
      if (this.#random.uniform() < 0.07) {
        const phrase = this.#phrases[Math.floor(numPhrases ** this.#random.uniform()) - 1]!;
        const part = phrase.subarray(0, document.length - length);
        document.set(part, length);
        length += part.length;
      } else {
        document[length++] = this.#token();
      }
    }
    return document;
  }

  #token(): number {
    return Math.floor(vocabSize ** this.#random.uniform()) - 1;
  }

  #below(limit: number): number {
    return Math.floor(limit * this.#random.uniform());
  }
}
