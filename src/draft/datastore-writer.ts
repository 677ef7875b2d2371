// Writes datastores: the old one or the new one is there, never half of one. Knows nothing of texts or of searching.
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { DatastoreError, OutriderError } from '../errors.js';
import { withFileLock } from '../model/file-lock.js';
import { requireInteger } from '../model/options.js';
import { ChunkBuffer, minChunkTokens, type GatheredChunk, type SortedChunk } from './chunk-buffer.js';
import {
  encodeChunks,
  encodeHeader,
  isDatastore,
  readChunks,
  readHeader,
  type Chunk,
  type DatastoreHeader,
} from './datastore-format.js';
import { accessError, pageBytes, PageReader, PageWriter } from './page-file.js';

/** Options of {@link writeDatastore}. */
export interface WriteDatastoreOptions {
  /** The tokenizer's, as `tokenizerFingerprint` of src/model gives it. */
  readonly fingerprint: string;
  /** Extends the datastore that is there, if one is; default false: it is replaced. */
  readonly append?: boolean | undefined;
  /**
   * Tokens sorted at once, default 2^24: about 300 MiB of memory while writing. Fewer and larger chunks are searched
   * faster. A datastore that is extended keeps its own.
   */
  readonly chunkTokens?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a datastore holds after it was written. */
export interface DatastoreSummary {
  readonly path: string;
  readonly documents: number;
  readonly tokens: number;
  readonly chunks: number;
  readonly bytes: number;
}

const defaultChunkTokens = 1 << 24;
const suffixOfPartials = '.partial';

/** The file that a process holds while it writes the datastore at `path`. */
export function datastoreLock(path: string): string {
  return `${resolve(path)}.lock`;
}

/**
 * Builds or extends a datastore beside `path` and then moves it there. Whenever the process ends, the datastore is as it
 * was or as it shall be; what a dead process left is removed. Others that write the same one are waited for.
 *
 * @param fill  adds the documents; the datastore is unchanged when it throws
 * @throws {DatastoreError} when the folder cannot be written, what is there is no datastore or cannot be extended, or no
 * token was added
 * @throws `signal.reason` when aborted while waiting
 */
export async function writeDatastore(
  path: string,
  options: WriteDatastoreOptions,
  fill: (writer: DatastoreWriter) => Promise<void> | void,
): Promise<DatastoreSummary> {
  const { chunkTokens = defaultChunkTokens } = options;
  requireInteger('chunkTokens', chunkTokens, minChunkTokens, 2 ** 30);
  const target = resolve(path);
  try {
    await mkdir(dirname(target), { recursive: true });
    return await withFileLock(datastoreLock(target), options.signal, async () => {
      await removePartials(target);
      requireReplaceable(target);
      const partial = `${target}.${randomBytes(4).toString('hex')}${suffixOfPartials}`;
      try {
        return await writeBeside(target, partial, { ...options, chunkTokens }, fill);
      } finally {
        await rm(partial, { force: true });
      }
    });
  } catch (error) {
    const isOfFiles = error instanceof Error && 'syscall' in error && !(error instanceof OutriderError);
    throw isOfFiles ? accessError(`${path} could not be written`, error) : error;
  }
}

async function writeBeside(
  target: string,
  partial: string,
  options: WriteDatastoreOptions & { readonly chunkTokens: number },
  fill: (writer: DatastoreWriter) => Promise<void> | void,
): Promise<DatastoreSummary> {
  const begun = options.append === true ? await copyBegun(target, partial, options.fingerprint) : undefined;
  const descriptor = openSync(partial, begun === undefined ? 'wx+' : 'r+');
  try {
    ftruncateSync(descriptor, begun === undefined ? pageBytes : begun.numPages * pageBytes);
    const { chunkTokens, fingerprint } = options;
    const writer = new DatastoreWriter(descriptor, fingerprint, begun ?? { ...nothing, chunkTokens });
    await fill(writer);
    const { numChunks, numDocuments, numPages, numTokens } = writer.finish();
    fsyncSync(descriptor);
    renameSync(partial, target);
    syncFolder(dirname(target));
    const bytes = numPages * pageBytes;
    return { path: target, documents: numDocuments, tokens: numTokens, chunks: numChunks, bytes };
  } finally {
    closeSync(descriptor);
  }
}

/** What a new file goes on from. */
interface Begun extends Pick<DatastoreHeader, 'numTokens' | 'numDocuments' | 'chunkTokens'> {
  /** Pages to keep: the header's place and the chunks. */
  readonly numPages: number;
  readonly chunks: readonly Chunk[];
  /** The last chunk, where it is not full: it is gathered further. */
  readonly last?: GatheredChunk | undefined;
}

const nothing: Omit<Begun, 'chunkTokens'> = { numTokens: 0, numDocuments: 0, numPages: 1, chunks: [] };

/** Copies what stays of a datastore; undefined where there is none. */
async function copyBegun(target: string, partial: string, fingerprint: string): Promise<Begun | undefined> {
  const isThere = await stat(target).then(
    ({ size }) => size > 0,
    () => false,
  );
  if (!isThere) return undefined;
  const reader = new PageReader(target, 2);
  try {
    const header = readHeader(reader, fingerprint);
    const chunks = readChunks(reader, header);
    await copyFile(target, partial, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const last = chunks.at(-1);
    if (last === undefined || last.numTokens >= header.chunkTokens) {
      return { ...header, chunks, numPages: header.tablePage };
    }
    const tokens = reader.words(last.tokensPage, last.numTokens);
    return { ...header, chunks: chunks.slice(0, -1), numPages: last.tokensPage, last: { ...last, tokens } };
  } finally {
    reader.close();
  }
}

/** Adds documents to a datastore that is being written; see {@link writeDatastore}. */
export class DatastoreWriter {
  readonly #fingerprint: string;
  readonly #chunkTokens: number;
  readonly #pages: PageWriter;
  readonly #buffer: ChunkBuffer;
  readonly #chunks: Chunk[];
  readonly #numTokensBegun: number;
  #numTokens: number;
  #numDocuments: number;

  /** @internal */
  constructor(descriptor: number, fingerprint: string, begun: Begun) {
    this.#fingerprint = fingerprint;
    this.#chunkTokens = begun.chunkTokens;
    this.#pages = new PageWriter(descriptor, begun.numPages);
    this.#buffer = new ChunkBuffer(begun.chunkTokens, (chunk) => this.#write(chunk), begun.last);
    this.#chunks = [...begun.chunks];
    this.#numTokens = this.#numTokensBegun = begun.numTokens;
    this.#numDocuments = begun.numDocuments;
  }

  /** Tokens of all documents so far. */
  get numTokens(): number {
    return this.#numTokens;
  }

  /** The next tokens of the document. */
  add(tokens: ArrayLike<number>): void {
    for (let index = 0; index < tokens.length; index++) {
      const token = tokens[index]!;
      if (!(Number.isInteger(token) && token >= 0 && token < 2 ** 31 - 2)) {
        throw new RangeError(`Expected token ids for a document but received ${token}`);
      }
      this.#buffer.push(token);
    }
    this.#numTokens += tokens.length;
  }

  /** Ends the document: no match and no continuation goes beyond. One without tokens does not count. */
  endDocument(): void {
    if (this.#buffer.endDocument()) this.#numDocuments++;
  }

  /** @internal */
  finish(): DatastoreHeader {
    this.endDocument();
    if (this.#numTokens === this.#numTokensBegun) {
      throw new DatastoreError('DATASTORE_EMPTY', 'There is nothing to index: the texts hold no tokens.');
    }
    this.#buffer.end();
    const tablePage = this.#pages.append(encodeChunks(this.#chunks));
    const header = {
      fingerprint: this.#fingerprint,
      numPages: this.#pages.numPages,
      numTokens: this.#numTokens,
      numDocuments: this.#numDocuments,
      chunkTokens: this.#chunkTokens,
      numChunks: this.#chunks.length,
      tablePage,
    };
    this.#pages.replace(0, encodeHeader(header));
    return header;
  }

  #write({ tokens, firstOwned, order, numDocuments }: SortedChunk): void {
    this.#chunks.push({
      tokensPage: this.#pages.append(tokens),
      numTokens: tokens.length,
      firstOwned,
      orderPage: this.#pages.append(order),
      numPositions: order.length,
      numDocuments,
    });
  }
}

/** What processes left that died while they wrote, or while they took a dead one's lock away; the lock is held. */
async function removePartials(target: string): Promise<void> {
  const [folder, own] = [dirname(target), basename(target)];
  for (const name of await readdir(folder)) {
    const isPartial = name.startsWith(`${own}.`) && name.endsWith(suffixOfPartials);
    if (isPartial || name.startsWith(`${own}.lock.`)) rmSync(join(folder, name), { force: true });
  }
}

/** A text or a model is not to be lost because its name was given for the datastore's. */
function requireReplaceable(target: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(target, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const start = Buffer.alloc(64);
    const numBytes = readSync(descriptor, start);
    if (numBytes === 0 || isDatastore(start)) return;
  } finally {
    closeSync(descriptor);
  }
  throw new DatastoreError('DATASTORE_ACCESS', `${target} is not a datastore: it is not written over.`);
}

/** Makes a rename last; where folders cannot be opened, the file system sees to it. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
