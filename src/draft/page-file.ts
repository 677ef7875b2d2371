// Files of pages that check themselves. Knows nothing of what the pages hold.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { DatastoreError, DisposedError } from '../errors.js';

/** Bytes of a page: 1023 words of 32 bits, little-endian, and their CRC-32, begun with the page's own number. */
export const pageBytes = 4096;
/** Words of a page that are free to use. */
export const wordsPerPage = pageBytes / 4 - 1;

/** Pages gathered before they are written. */
const pagesPerWrite = 256;

/** Number of pages that `numWords` words take. */
export function pagesFor(numWords: number): number {
  return Math.ceil(numWords / wordsPerPage);
}

/** The checksum of a page's words, which differs from that of the same words on another page. */
function checksumOf(page: Int32Array, number: number): number {
  return crc32(page.subarray(0, wordsPerPage), number) | 0;
}

/** Appends pages to an open file. */
export class PageWriter {
  readonly #descriptor: number;
  #numPages: number;

  /** @param numPages  pages that the file holds already */
  constructor(descriptor: number, numPages: number) {
    this.#descriptor = descriptor;
    this.#numPages = numPages;
  }

  get numPages(): number {
    return this.#numPages;
  }

  /** Writes words, the last page filled up with zeros; returns the number of the first page. */
  append(words: Int32Array): number {
    const first = this.#numPages;
    for (let start = 0; start < words.length; start += pagesPerWrite * wordsPerPage) {
      const part = words.subarray(start, start + pagesPerWrite * wordsPerPage);
      this.#write(sealed(part, this.#numPages), this.#numPages);
      this.#numPages += pagesFor(part.length);
    }
    return first;
  }

  /** Writes one page over another. */
  replace(number: number, words: Int32Array): void {
    this.#write(sealed(words, number), number);
  }

  #write(pages: Int32Array, number: number): void {
    for (let done = 0; done < pages.byteLength;) {
      const left = pages.byteLength - done;
      done += writeSync(this.#descriptor, pages, done, left, number * pageBytes + done);
    }
  }
}

function sealed(words: Int32Array, firstNumber: number): Int32Array {
  const numPages = pagesFor(words.length);
  const pages = new Int32Array((numPages * pageBytes) / 4);
  for (let index = 0; index < numPages; index++) {
    const page = pages.subarray((index * pageBytes) / 4, ((index + 1) * pageBytes) / 4);
    page.set(words.subarray(index * wordsPerPage, (index + 1) * wordsPerPage));
    page[wordsPerPage] = checksumOf(page, firstNumber + index);
  }
  return pages;
}

/**
 * Reads pages one by one and checks each when it comes from the disk; the last ones used stay in memory. The file is
 * kept open: where it is deleted or replaced meanwhile, this goes on with what it opened.
 */
export class PageReader {
  readonly path: string;
  readonly fileBytes: number;
  #descriptor: number | undefined;
  readonly #halfCache: number;
  /** Two generations: what was used since the older one began, and what was used in it. */
  #recent = new Map<number, Int32Array>();
  #older = new Map<number, Int32Array>();
  #numReads = 0;

  /**
   * @param cachePages  pages kept in memory at most
   * @throws {DatastoreError} DATASTORE_ACCESS
   */
  constructor(path: string, cachePages: number) {
    this.path = path;
    this.#halfCache = Math.max(1, Math.floor(cachePages / 2));
    try {
      this.#descriptor = openSync(path, 'r');
      this.fileBytes = fstatSync(this.#descriptor).size;
    } catch (error) {
      this.close();
      throw accessError(`${path} could not be opened`, error);
    }
  }

  /** Pages read from the file so far. */
  get numReads(): number {
    return this.#numReads;
  }

  /**
   * The words of a page, a view that must not be changed.
   * @throws {DatastoreError} DATASTORE_DAMAGED, DATASTORE_ACCESS
   */
  page(number: number): Int32Array {
    const recent = this.#recent.get(number);
    if (recent !== undefined) return recent;
    const page = this.#older.get(number) ?? this.#checked(number);
    if (this.#recent.size >= this.#halfCache) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(number, page);
    return page;
  }

  /** The words from `firstPage` on, copied. */
  words(firstPage: number, numWords: number): Int32Array {
    const words = new Int32Array(numWords);
    for (let start = 0, number = firstPage; start < numWords; start += wordsPerPage, number++) {
      const page = this.#checked(number);
      words.set(page.subarray(0, Math.min(wordsPerPage, numWords - start)), start);
    }
    return words;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    this.#recent.clear();
    this.#older.clear();
  }

  #checked(number: number): Int32Array {
    const page = new Int32Array(pageBytes / 4);
    if (this.#read(page, number) < pageBytes) {
      throw new DatastoreError(
        'DATASTORE_DAMAGED',
        `${this.path} was cut off: page ${number} is missing. Index the texts again.`,
      );
    }
    if (page[wordsPerPage] !== checksumOf(page, number)) {
      throw new DatastoreError(
        'DATASTORE_DAMAGED',
        `${this.path} was changed: the checksum of page ${number} does not fit. Index the texts again.`,
      );
    }
    return page;
  }

  #read(page: Int32Array, number: number): number {
    if (this.#descriptor === undefined) throw new DisposedError('The datastore');
    this.#numReads++;
    let done = 0;
    try {
      while (done < pageBytes) {
        const offset = number * pageBytes + done;
        const numBytes = readSync(this.#descriptor, page, done, pageBytes - done, offset);
        if (numBytes === 0) break;
        done += numBytes;
      }
    } catch (error) {
      throw accessError(`${this.path} could not be read`, error);
    }
    return done;
  }
}

/** An error of the file system, by what it prevented. */
export function accessError(what: string, error: unknown): DatastoreError {
  const reason = error instanceof Error ? error.message : String(error);
  return new DatastoreError('DATASTORE_ACCESS', `${what}: ${reason}`, { cause: error });
}
