// Gathers documents into the chunks of a datastore. Knows nothing of files.
import { longestContinuation, longestMatch, separator } from './datastore-format.js';
import { suffixArray } from './suffix-array.js';

/** The smallest chunk: several times what two of them share. */
export const minChunkTokens = 256;

/** What is written of a chunk. */
export interface SortedChunk {
  /** View, valid until the next call of the buffer. */
  readonly tokens: Int32Array;
  readonly firstOwned: number;
  /** Positions in the order of what precedes them, read backwards. */
  readonly order: Int32Array;
  readonly numDocuments: number;
}

/** A chunk as it was read back from a file. */
export type GatheredChunk = Pick<SortedChunk, 'tokens' | 'firstOwned' | 'numDocuments'>;

/** The first size of the buffer, in tokens; it doubles up to that of a chunk. */
const firstCapacity = 1 << 16;

/**
 * The chunk that is being gathered. A document that does not fit goes on in the next chunk, which begins with the last
 * tokens of this one, so that matches and continuations across the border are found, and found once.
 */
export class ChunkBuffer {
  readonly #chunkTokens: number;
  readonly #onChunk: (chunk: SortedChunk) => void;
  #tokens: Int32Array;
  #length = 0;
  #documentStart = 0;
  #firstOwned = 0;
  #numDocuments = 0;

  /**
   * @param onChunk  called with each full chunk
   * @param begun    a chunk to go on with
   */
  constructor(chunkTokens: number, onChunk: (chunk: SortedChunk) => void, begun?: GatheredChunk) {
    this.#chunkTokens = chunkTokens;
    this.#onChunk = onChunk;
    this.#tokens = new Int32Array(Math.min(chunkTokens, Math.max(firstCapacity, begun?.tokens.length ?? 0)));
    if (begun === undefined) return;
    this.#tokens.set(begun.tokens);
    this.#length = this.#documentStart = begun.tokens.length;
    this.#firstOwned = begun.firstOwned;
    this.#numDocuments = begun.numDocuments;
  }

  /** The next token of the document. */
  push(token: number): void {
    if (this.#length === this.#chunkTokens) this.#cut();
    this.#append(token);
  }

  /** Ends the document; returns false when it has no tokens. */
  endDocument(): boolean {
    if (this.#length === this.#documentStart) return false;
    this.#numDocuments++;
    if (this.#length === this.#chunkTokens) {
      this.#documentStart = this.#length;
      this.#cut();
    } else {
      this.#append(separator);
      this.#documentStart = this.#length;
    }
    return true;
  }

  /** Hands over the last chunk. */
  end(): void {
    if (this.#length > 0) this.#emit(this.#length);
  }

  #append(token: number): void {
    if (this.#length === this.#tokens.length) {
      const larger = new Int32Array(Math.min(this.#chunkTokens, 2 * this.#tokens.length));
      larger.set(this.#tokens);
      this.#tokens = larger;
    }
    this.#tokens[this.#length++] = token;
  }

  #cut(): void {
    const numOwn = this.#length - this.#documentStart;
    const numLeft = Math.min(longestContinuation, numOwn);
    const numCarried = Math.min(longestMatch - 1 + longestContinuation, numOwn);
    this.#emit(this.#length - numLeft);
    this.#tokens.copyWithin(0, this.#length - numCarried, this.#length);
    this.#length = numCarried;
    this.#documentStart = 0;
    this.#firstOwned = numCarried - numLeft;
    this.#numDocuments = 0;
  }

  #emit(endOwned: number): void {
    const tokens = this.#tokens.subarray(0, this.#length);
    this.#onChunk({
      tokens,
      firstOwned: this.#firstOwned,
      order: orderBackwards(tokens, this.#firstOwned, endOwned),
      numDocuments: this.#numDocuments,
    });
  }
}

/** The positions in [first, end) that another token of their document follows, ordered by what precedes them. */
function orderBackwards(tokens: Int32Array, first: number, end: number): Int32Array {
  const last = tokens.length - 1;
  const text = new Int32Array(tokens.length + 1);
  let alphabetSize = 0;
  for (let index = 0; index <= last; index++) {
    // 0 is the end of the text and 1 the separator.
    const symbol = tokens[last - index]! + 2;
    text[index] = symbol;
    if (symbol >= alphabetSize) alphabetSize = symbol + 1;
  }
  const order = suffixArray(text, alphabetSize);
  let numKept = 0;
  for (let index = 0; index < order.length; index++) {
    const position = last - order[index]!;
    const isOwned = position >= first && position < end;
    if (isOwned && position < last && tokens[position] !== separator && tokens[position + 1] !== separator) {
      order[numKept++] = position;
    }
  }
  return order.subarray(0, numKept);
}
