// A growing list of token ids that can be handed out as an array without a copy.
import type { TokenId } from '../types.js';

const firstCapacity = 256;

/** Token ids, appended at the end and cut from it. */
export class TokenBuffer {
  #tokens = new Int32Array(firstCapacity);
  #length = 0;

  constructor(tokens: ArrayLike<TokenId> = []) {
    this.append(tokens);
  }

  get length(): number {
    return this.#length;
  }

  /** A view, valid until the next change. */
  get view(): Int32Array {
    return this.#tokens.subarray(0, this.#length);
  }

  append(tokens: ArrayLike<TokenId>): void {
    const needed = this.#length + tokens.length;
    if (needed > this.#tokens.length) {
      const larger = new Int32Array(Math.max(needed, 2 * this.#tokens.length));
      larger.set(this.view);
      this.#tokens = larger;
    }
    this.#tokens.set(tokens, this.#length);
    this.#length = needed;
  }

  /** Keeps the first `length` tokens; more than there are changes nothing. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, Math.max(0, length));
  }

  /** How many of the first tokens equal `other`'s, counted on from `from`, which are known to. */
  commonPrefix(other: ArrayLike<TokenId>, from = 0): number {
    const end = Math.min(this.#length, other.length);
    let length = Math.min(from, end);
    while (length < end && this.#tokens[length] === other[length]) length++;
    return length;
  }
}
