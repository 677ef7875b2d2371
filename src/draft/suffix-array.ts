// Suffix arrays in linear time. Knows nothing of tokens, files or what is searched for.

/**
 * Sorts the suffixes of a text by induced sorting (SA-IS): linear time for every text, long repeats included, with
 * 4 bytes a symbol for the result, 1 for types, and no more than that again for the reduced texts below.
 *
 * @param text  [length]: symbols in [1, alphabetSize), and 0 at the end and nowhere else
 * @returns [length]: where the suffixes start, smallest first; the one that is only the end comes first
 * @throws {RangeError} when the text has no such end
 * @see Nong, Zhang and Chan, Two Efficient Algorithms for Linear Time Suffix Array Construction, IEEE Transactions on
 * Computers 60(10), 2011, algorithm SA-IS; nothing is changed
 */
export function suffixArray(text: Int32Array, alphabetSize: number): Int32Array {
  if (text.indexOf(0) !== text.length - 1 || text.length === 0) {
    throw new RangeError(`Expected 0 at the end of the text only but received it at ${text.indexOf(0)}`);
  }
  const order = new Int32Array(text.length);
  sortSuffixes(text, order, alphabetSize);
  return order;
}

function sortSuffixes(text: Int32Array, order: Int32Array, alphabetSize: number): void {
  if (text.length === 1) {
    order[0] = 0;
    return;
  }
  const sorter = new InducedSorter(text, order, alphabetSize);
  const numStarts = sorter.sortBlocks();
  const reduced = order.subarray(order.length - numStarts);
  const reducedOrder = order.subarray(0, numStarts);
  const numNames = sorter.nameBlocks(numStarts);
  if (numNames < numStarts) sortSuffixes(reduced, reducedOrder, numNames);
  else for (let index = 0; index < numStarts; index++) reducedOrder[reduced[index]!] = index;
  sorter.sortFrom(reduced, reducedOrder);
}

/**
 * One level of the recursion. A suffix is smaller or larger than the one a symbol later; a block runs from a smaller
 * suffix that follows a larger one (a start) to the next. `order` is the result and the only large working memory.
 */
class InducedSorter {
  readonly #text: Int32Array;
  readonly #order: Int32Array;
  /** 1 where the suffix is smaller than the one after it. */
  readonly #isSmaller: Uint8Array;
  readonly #counts: Int32Array;
  readonly #buckets: Int32Array;

  constructor(text: Int32Array, order: Int32Array, alphabetSize: number) {
    this.#text = text;
    this.#order = order;
    this.#isSmaller = typesOf(text);
    this.#counts = new Int32Array(alphabetSize);
    this.#buckets = new Int32Array(alphabetSize);
    for (let index = 0; index < text.length; index++) this.#counts[text[index]!]!++;
  }

  /** Leaves the starts at the front of the order, sorted by their blocks; returns their number. */
  sortBlocks(): number {
    const [text, order, buckets] = [this.#text, this.#order, this.#buckets];
    order.fill(-1);
    this.#toBucketEnds();
    for (let index = 1; index < text.length; index++) {
      if (this.#isStart(index)) order[--buckets[text[index]!]!] = index;
    }
    this.#induce();
    let numStarts = 0;
    for (let index = 0; index < order.length; index++) {
      const position = order[index]!;
      if (this.#isStart(position)) order[numStarts++] = position;
    }
    return numStarts;
  }

  /** Leaves the reduced text, one name a block, at the back of the order; returns the number of names. */
  nameBlocks(numStarts: number): number {
    const order = this.#order;
    order.fill(-1, numStarts);
    let numNames = 0;
    let previous = -1;
    for (let index = 0; index < numStarts; index++) {
      const position = order[index]!;
      if (previous < 0 || !this.#areEqualBlocks(position, previous)) numNames++;
      previous = position;
      // Starts are two apart at least.
      order[numStarts + (position >> 1)] = numNames - 1;
    }
    let back = order.length - 1;
    for (let index = order.length - 1; index >= numStarts; index--) {
      if (order[index]! >= 0) order[back--] = order[index]!;
    }
    return numNames;
  }

  /** Sorts all suffixes from the order of the reduced text's. */
  sortFrom(reduced: Int32Array, reducedOrder: Int32Array): void {
    const [text, order, buckets] = [this.#text, this.#order, this.#buckets];
    const numStarts = reduced.length;
    for (let index = 1, start = 0; index < text.length; index++) {
      if (this.#isStart(index)) reduced[start++] = index;
    }
    for (let index = 0; index < numStarts; index++) reducedOrder[index] = reduced[reducedOrder[index]!]!;
    order.fill(-1, numStarts);
    this.#toBucketEnds();
    for (let index = numStarts - 1; index >= 0; index--) {
      const position = order[index]!;
      order[index] = -1;
      order[--buckets[text[position]!]!] = position;
    }
    this.#induce();
  }

  /** From the sorted starts to the larger suffixes, from these to the smaller ones. */
  #induce(): void {
    const [text, order, isSmaller, buckets] = [this.#text, this.#order, this.#isSmaller, this.#buckets];
    this.#toBucketStarts();
    for (let index = 0; index < order.length; index++) {
      const before = order[index]! - 1;
      if (before >= 0 && isSmaller[before] === 0) order[buckets[text[before]!]!++] = before;
    }
    this.#toBucketEnds();
    for (let index = order.length - 1; index >= 0; index--) {
      const before = order[index]! - 1;
      if (before >= 0 && isSmaller[before] === 1) order[--buckets[text[before]!]!] = before;
    }
  }

  #areEqualBlocks(first: number, second: number): boolean {
    const [text, isSmaller] = [this.#text, this.#isSmaller];
    for (let offset = 0; ; offset++) {
      const [left, right] = [first + offset, second + offset];
      // The end of the text is unlike all else, so that neither runs past it.
      if (text[left] !== text[right] || isSmaller[left] !== isSmaller[right]) return false;
      if (offset > 0 && (this.#isStart(left) || this.#isStart(right))) return true;
    }
  }

  #isStart(position: number): boolean {
    return position > 0 && this.#isSmaller[position] === 1 && this.#isSmaller[position - 1] === 0;
  }

  #toBucketStarts(): void {
    for (let symbol = 0, sum = 0; symbol < this.#counts.length; symbol++) {
      this.#buckets[symbol] = sum;
      sum += this.#counts[symbol]!;
    }
  }

  #toBucketEnds(): void {
    for (let symbol = 0, sum = 0; symbol < this.#counts.length; symbol++) {
      this.#buckets[symbol] = sum += this.#counts[symbol]!;
    }
  }
}

function typesOf(text: Int32Array): Uint8Array {
  const isSmaller = new Uint8Array(text.length);
  isSmaller[text.length - 1] = 1;
  for (let index = text.length - 2; index >= 0; index--) {
    const [own, next] = [text[index]!, text[index + 1]!];
    if (own < next || (own === next && isSmaller[index + 1] === 1)) isSmaller[index] = 1;
  }
  return isSmaller;
}
