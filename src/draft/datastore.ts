// Searches a datastore on disk. Knows nothing of how its documents came there or of what a match is used for.
import { join } from 'node:path';
import { DatastoreError } from '../errors.js';
import { cacheFolder } from '../model/cache-folder.js';
import type { TokenId } from '../types.js';
import { readChunks, readHeader, separator, type Chunk } from './datastore-format.js';
import { PageReader, wordsPerPage } from './page-file.js';

/** Where a suffix of the context was found: positions [start, end) in the order of a chunk. */
interface MatchRange {
  readonly chunk: Chunk;
  readonly start: number;
  readonly end: number;
}

/** All places where the longest suffix of a context occurs and goes on. */
export interface Match {
  /** Tokens of the suffix. */
  readonly length: number;
  readonly numPlaces: number;
  readonly ranges: readonly MatchRange[];
}

/** Options of {@link openDatastore}. */
export interface OpenDatastoreOptions {
  /** Pages of 4 KiB kept in memory at most, default 4096: 16 MiB. */
  readonly cachePages?: number | undefined;
}

/** The datastore of a tokenizer in the user's cache folder. */
export function datastorePath(fingerprint: string): string {
  return join(cacheFolder(), 'datastores', `${fingerprint.slice(0, 32)}.datastore`);
}

/**
 * Opens a datastore; reads its header and table only.
 * @param fingerprint  the tokenizer's, as `tokenizerFingerprint` of src/model gives it
 * @throws {DatastoreError} when it is missing, damaged, of another tokenizer, of a newer version, or empty
 */
export function openDatastore(
  path: string,
  fingerprint: string,
  { cachePages = 4096 }: OpenDatastoreOptions = {},
): Datastore {
  const reader = new PageReader(path, cachePages);
  try {
    const header = readHeader(reader, fingerprint);
    if (header.numTokens === 0) {
      throw new DatastoreError(
        'DATASTORE_EMPTY',
        `${path} holds no tokens. Index texts: outrider index FILES`,
      );
    }
    return new Datastore(reader, readChunks(reader, header), header.numTokens, header.numDocuments);
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** An open datastore; made by {@link openDatastore}. Every read can throw a {@link DatastoreError}. */
export class Datastore {
  readonly numTokens: number;
  readonly numDocuments: number;
  readonly #reader: PageReader;
  readonly #chunks: readonly Chunk[];
  /** Tokens that the last comparison found equal. */
  #numEqual = 0;

  /** @internal */
  constructor(reader: PageReader, chunks: readonly Chunk[], numTokens: number, numDocuments: number) {
    this.#reader = reader;
    this.#chunks = chunks;
    this.numTokens = numTokens;
    this.numDocuments = numDocuments;
  }

  get path(): string {
    return this.#reader.path;
  }

  get numChunks(): number {
    return this.#chunks.length;
  }

  /** Pages read from the file so far. */
  get numReads(): number {
    return this.#reader.numReads;
  }

  /**
   * The longest suffix of `context`, of `shortest` to `longest` tokens, that occurs within a document and is not its
   * end; undefined where there is none.
   * Cost: O(log n) page reads a chunk, each followed by the comparison of at most `longest` tokens.
   */
  longestMatch(context: Int32Array, shortest: number, longest: number): Match | undefined {
    const length = Math.min(longest, context.length);
    const backwards = context.slice(context.length - length).reverse();
    const found = this.#chunks.map((chunk) => this.#longestIn(chunk, backwards));
    const best = Math.max(0, ...found);
    if (best < Math.max(1, shortest)) return undefined;
    return this.matchOf(context, best);
  }

  /** All places where the last `length` tokens of `context` occur within a document and are not its end. */
  matchOf(context: Int32Array, length: number): Match {
    const suffix = context.slice(context.length - length).reverse();
    const ranges = this.#chunks.map((chunk) => {
      const start = this.#firstPlace(chunk, (place) => this.#compare(chunk, place, suffix) >= 0);
      const end = this.#firstPlace(chunk, (place) => this.#compare(chunk, place, suffix) > 0);
      return { chunk, start, end };
    });
    return { length, numPlaces: ranges.reduce((sum, { start, end }) => sum + end - start, 0), ranges };
  }

  /** The tokens after place `index` in [0, match.numPlaces), at most `length`, up to the end of the document. */
  continuation(match: Match, index: number, length: number): TokenId[] {
    let rest = index;
    const range = match.ranges.find(({ start, end }) => {
      if (rest < end - start) return true;
      rest -= end - start;
      return false;
    });
    if (range === undefined) {
      throw new RangeError(
        `Expected an index in [0, ${match.numPlaces}) for the place but received ${index}`,
      );
    }
    const { chunk, start } = range;
    const tokens: TokenId[] = [];
    let position = this.#position(chunk, start + rest) + 1;
    for (; tokens.length < length && position < chunk.numTokens; position++) {
      const token = this.#word(chunk.tokensPage, position);
      if (token === separator) break;
      tokens.push(token);
    }
    return tokens;
  }

  close(): void {
    this.#reader.close();
  }

  /** Tokens of the longest beginning of `backwards` in a chunk: a neighbour of where it would stand shares it. */
  #longestIn(chunk: Chunk, backwards: Int32Array): number {
    let best = 0;
    this.#firstPlace(chunk, (place) => {
      const isBeyond = this.#compare(chunk, place, backwards) >= 0;
      best = Math.max(best, this.#numEqual);
      return isBeyond;
    });
    return best;
  }

  #firstPlace({ numPositions }: Chunk, isBeyond: (place: number) => boolean): number {
    let [low, high] = [0, numPositions];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBeyond(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The sign of what precedes a place, read backwards, against `backwards`; 0 where it begins with it. */
  #compare(chunk: Chunk, place: number, backwards: Int32Array): number {
    const position = this.#position(chunk, place);
    let page = Math.floor(position / wordsPerPage);
    let offset = position - page * wordsPerPage;
    let words = this.#reader.page(chunk.tokensPage + page);
    for (let index = 0; index < backwards.length; index++, offset--) {
      if (offset < 0) {
        this.#numEqual = index;
        if (page === 0) return -1;
        words = this.#reader.page(chunk.tokensPage + --page);
        offset = wordsPerPage - 1;
      }
      const difference = words[offset]! - backwards[index]!;
      if (difference !== 0) {
        this.#numEqual = index;
        return difference;
      }
    }
    this.#numEqual = backwards.length;
    return 0;
  }

  #position(chunk: Chunk, place: number): number {
    const position = this.#word(chunk.orderPage, place);
    if (position >= 0 && position < chunk.numTokens) return position;
    throw new DatastoreError('DATASTORE_DAMAGED', `${this.path} orders a position that is not there.`);
  }

  #word(firstPage: number, index: number): number {
    const page = Math.floor(index / wordsPerPage);
    return this.#reader.page(firstPage + page)[index - page * wordsPerPage]!;
  }
}
