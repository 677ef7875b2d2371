// Where the last few tokens occurred before. Knows nothing of drafts.
import type { TokenId } from '../types.js';

const none = -1;
const firstCapacity = 1024;

/** Occurrences of the n-grams of one order. Positions count from the first token ever appended. */
interface Order {
  readonly order: number;
  /** [capacity]: by hash, the latest n-gram of a list of different n-grams, latest first. */
  heads: Int32Array;
  /** [capacity]: by position, the next n-gram of that list. */
  others: Int32Array;
  /** [capacity]: by position, where the same n-gram ended before. */
  previous: Int32Array;
}

/**
 * The last `maxTokens` tokens of a text, and for each order n in `orders` where the n-gram that ends at a position ended
 * before. Appending and cutting cost O(largest order) a token on average, finding an n-gram O(n); every answer is exact.
 * Memory is `4 + 12 * numOrders` bytes a token, doubled as the text grows; beyond `maxTokens` the oldest token makes room.
 *
 * A suffix automaton would find every match length, not only the orders, but its counts need a walk along suffix links
 * that no constant bounds, it cannot forget its oldest tokens, and it takes a log to be cut back. Here the latest position
 * heads every list it is in, so cutting undoes appending, and what is too old ends the list it is in.
 */
export class NgramIndex {
  readonly #maxTokens: number;
  readonly #orders: readonly Order[];
  #tokens = new Int32Array(0);
  #length = 0;
  /** Positions before are forgotten. */
  #start = 0;

  /**
   * @param orders     ascending
   * @param maxTokens  a power of two, at least 2
   * @throws {RangeError} on other numbers
   */
  constructor(orders: readonly number[], maxTokens: number) {
    if (!(maxTokens >= 2 && maxTokens <= 2 ** 30 && Number.isInteger(Math.log2(maxTokens))))
      throw new RangeError(`Expected a power of two for maxTokens but received ${maxTokens}`);
    this.#maxTokens = maxTokens;
    this.#orders = orders.map((order) => ({
      order,
      heads: new Int32Array(0),
      others: new Int32Array(0),
      previous: new Int32Array(0),
    }));
    this.#resize(Math.min(firstCapacity, maxTokens));
  }

  /** Tokens appended and not cut off, the forgotten ones included. */
  get length(): number {
    return this.#length;
  }

  /** First position that is known. */
  get start(): number {
    return this.#start;
  }

  /** Bytes of the arrays. */
  get numBytes(): number {
    const { length } = this.#tokens;
    return 4 * length * (1 + 3 * this.#orders.length);
  }

  /** The token at a position in [start, length). */
  at(position: number): TokenId {
    return this.#tokens[position & (this.#tokens.length - 1)]!;
  }

  append(token: TokenId): void {
    const { length } = this.#tokens;
    if (this.#length - this.#start === length) {
      if (length < this.#maxTokens) this.#resize(2 * length);
      else this.#start++;
    }
    this.#tokens[this.#length & (this.#tokens.length - 1)] = token;
    this.#length++;
    this.#link(this.#length - 1);
  }

  /** Keeps the first `length` tokens. What was forgotten stays so. */
  truncate(length: number): void {
    if (length < this.#start) this.#clear(length);
    while (this.#length > length) this.#unlink();
  }

  /**
   * Becomes the index of `tokens`, of which the first `agreed` are known to be in it already: keeps what is the same and
   * appends what is new.
   */
  follow(tokens: ArrayLike<TokenId>, agreed = 0): void {
    const end = Math.min(this.#length, tokens.length);
    let same = Math.min(Math.max(agreed, this.#start), end);
    while (same < end && this.at(same) === tokens[same]) same++;
    if (same > this.#start) this.truncate(same);
    else this.#clear(Math.max(0, tokens.length - this.#maxTokens));
    while (this.#length < tokens.length) this.append(tokens[this.#length]!);
  }

  /**
   * Where the last `orders[level]` tokens of `context` ended last; -1 for nowhere.
   * @param context  at least `orders[level]` tokens
   */
  find(level: number, context: ArrayLike<TokenId>, contextLength = context.length): number {
    const order = this.#orders[level]!;
    let hash = 0;
    for (let back = 1; back <= order.order; back++) hash = mixed(hash, context[contextLength - back]!);
    let position = order.heads[slotOf(hash, order.heads.length)]!;
    while (this.#isKnown(position, order.order)) {
      if (this.#endsWith(position, order.order, context, contextLength)) return position;
      position = order.others[position & (order.others.length - 1)]!;
    }
    return none;
  }

  /** Where the n-gram that ends at `position` ended before; -1 for nowhere. */
  before(level: number, position: number): number {
    const { order, previous } = this.#orders[level]!;
    const before = previous[position & (previous.length - 1)]!;
    return this.#isKnown(before, order) ? before : none;
  }

  #isKnown(position: number, order: number): boolean {
    return position - order + 1 >= this.#start && position !== none;
  }

  #endsWith(position: number, order: number, context: ArrayLike<TokenId>, contextLength: number): boolean {
    for (let back = 0; back < order; back++)
      if (this.at(position - back) !== context[contextLength - 1 - back]) return false;
    return true;
  }

  #isSame(one: number, other: number, order: number): boolean {
    for (let back = 0; back < order; back++) if (this.at(one - back) !== this.at(other - back)) return false;
    return true;
  }

  /** Puts the n-grams that end at `position`, the last one, at the head of their lists, in place of equal ones. */
  #link(position: number): void {
    const mask = this.#tokens.length - 1;
    let [hash, hashed] = [0, 0];
    for (const { order, heads, others, previous } of this.#orders) {
      if (!this.#isKnown(position, order)) return;
      for (; hashed < order; hashed++) hash = mixed(hash, this.at(position - hashed));
      const slot = slotOf(hash, heads.length);
      let [before, same] = [none, heads[slot]!];
      while (this.#isKnown(same, order) && !this.#isSame(same, position, order)) {
        before = same;
        same = others[same & mask]!;
      }
      if (!this.#isKnown(same, order)) same = none;
      else if (before === none) heads[slot] = others[same & mask]!;
      else others[before & mask] = others[same & mask]!;
      previous[position & mask] = same;
      others[position & mask] = heads[slot]!;
      heads[slot] = position;
    }
  }

  /** Takes back the last {@link append}: the n-gram that was replaced returns to its place in the list, by age. */
  #unlink(): void {
    const position = this.#length - 1;
    const mask = this.#tokens.length - 1;
    let [hash, hashed] = [0, 0];
    for (const { order, heads, others, previous } of this.#orders) {
      if (!this.#isKnown(position, order)) break;
      for (; hashed < order; hashed++) hash = mixed(hash, this.at(position - hashed));
      const slot = slotOf(hash, heads.length);
      heads[slot] = others[position & mask]!;
      const same = previous[position & mask]!;
      if (!this.#isKnown(same, order)) continue;
      let [before, after] = [none, heads[slot]!];
      while (after > same) {
        before = after;
        after = others[after & mask]!;
      }
      others[same & mask] = after;
      if (before === none) heads[slot] = same;
      else others[before & mask] = same;
    }
    this.#length--;
  }

  /** Knows nothing, and goes on at `position`. */
  #clear(position: number): void {
    this.#length = this.#start = position;
    this.#resize(Math.min(firstCapacity, this.#maxTokens));
  }

  #resize(capacity: number): void {
    const [old, from, to] = [this.#tokens, this.#start, this.#length];
    this.#tokens = new Int32Array(capacity);
    for (const order of this.#orders) {
      order.heads = new Int32Array(capacity).fill(none);
      order.others = new Int32Array(capacity);
      order.previous = new Int32Array(capacity);
    }
    for (let position = from; position < to; position++) {
      this.#tokens[position & (capacity - 1)] = old[position & (old.length - 1)]!;
      this.#link(position);
    }
  }
}

/** A hash of tokens with one more before them. */
function mixed(hash: number, token: TokenId): number {
  const product = Math.imul(hash ^ token, 0x9e3779b1);
  return product ^ (product >>> 15);
}

function slotOf(hash: number, numSlots: number): number {
  return Math.imul(hash, 0x85ebca6b) >>> (Math.clz32(numSlots) + 1);
}
