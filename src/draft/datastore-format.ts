// What a datastore file holds and where. Knows nothing of searching or of how it came to be.
import { z } from 'zod';
import { DatastoreError } from '../errors.js';
import { pageBytes, pagesFor, wordsPerPage, type PageReader } from './page-file.js';

/**
 * A datastore file is a header page, chunks, and a table of chunks, all in pages that check themselves. A chunk is a
 * token stream, where -1 stands between documents, and its positions in the order of what precedes them, read backwards.
 * Every version begins with a page like this one: magic, a line of JSON with `version`, zeros, checksum.
 */
const magic = 'OUTRIDER DATASTORE\n';
const version = 1;

/** Stands between documents in the stream; no token is equal to it. */
export const separator = -1;
/** Longest suffix of a context that is matched across the border of two chunks. */
export const longestMatch = 32;
/** Longest continuation of a match that is whole across the border of two chunks. */
export const longestContinuation = 32;

/** A chunk of the stream, small enough to be sorted in memory. */
export interface Chunk {
  /** First page of the tokens. */
  readonly tokensPage: number;
  /** Tokens and separators. */
  readonly numTokens: number;
  /** The first position in the order; those before are there to be compared with, and in the order of the chunk before. */
  readonly firstOwned: number;
  /** First page of the order. */
  readonly orderPage: number;
  /** Positions in the order: those of all tokens that another token of their document follows. */
  readonly numPositions: number;
  /** Documents that end in this chunk. */
  readonly numDocuments: number;
}

const count = z.int().nonnegative();
const headerSchema = z.object({
  version: z.literal(version),
  /** Names the tokenizer. */
  fingerprint: z.string(),
  /** Pages of the file. */
  numPages: count,
  /** Tokens of all documents, separators not counted. */
  numTokens: count,
  numDocuments: count,
  /** Largest number of tokens in a chunk. */
  chunkTokens: count,
  numChunks: count,
  /** First page of the table of chunks. */
  tablePage: count,
});

/** The header. */
export type DatastoreHeader = Omit<z.infer<typeof headerSchema>, 'version'>;

/** The words of the header page. */
export function encodeHeader(header: DatastoreHeader): Int32Array {
  const words = new Int32Array(wordsPerPage);
  Buffer.from(words.buffer).write(`${magic}${JSON.stringify({ version, ...header })}\n`, 'utf8');
  return words;
}

/** The words of the table. */
export function encodeChunks(chunks: readonly Chunk[]): Int32Array {
  return Int32Array.from(chunks.flatMap((chunk) => chunkFields.map((field) => chunk[field])));
}

const chunkFields = [
  'tokensPage',
  'numTokens',
  'firstOwned',
  'orderPage',
  'numPositions',
  'numDocuments',
] as const satisfies readonly (keyof Chunk)[];

/**
 * Reads and checks the header.
 * @throws {DatastoreError} DATASTORE_DAMAGED, DATASTORE_VERSION, DATASTORE_EMPTY, DATASTORE_TOKENIZER, DATASTORE_ACCESS
 */
export function readHeader(reader: PageReader, fingerprint: string): DatastoreHeader {
  const { path, fileBytes } = reader;
  const refuse = (code: DatastoreError['code'], why: string): DatastoreError =>
    new DatastoreError(code, `${path} ${why}`);
  if (fileBytes === 0) throw refuse('DATASTORE_EMPTY', 'is empty. Index texts into it: outrider index FILES');
  const page = reader.page(0);
  const bytes = Buffer.from(page.buffer, page.byteOffset, wordsPerPage * 4);
  const end = bytes.indexOf('\n', magic.length);
  if (bytes.toString('latin1', 0, magic.length) !== magic || end < 0) {
    throw refuse('DATASTORE_DAMAGED', 'is not a datastore.');
  }
  const value = parsedJson(bytes.toString('utf8', magic.length, end));
  const parsed = headerSchema.safeParse(value);
  if (!parsed.success) {
    const found = z.object({ version: z.number() }).safeParse(value).data?.version;
    if (found === undefined || found <= version) throw refuse('DATASTORE_DAMAGED', 'has a broken header.');
    throw refuse(
      'DATASTORE_VERSION',
      `has format ${found} and this version of outrider reads ${version}. Update outrider, or index the texts again.`,
    );
  }
  const header = parsed.data;
  if (fileBytes !== header.numPages * pageBytes) {
    const sizes = `${fileBytes} bytes of ${header.numPages * pageBytes}`;
    throw refuse('DATASTORE_DAMAGED', `was cut off: ${sizes} are there. Index the texts again.`);
  }
  if (header.fingerprint !== fingerprint) {
    throw refuse(
      'DATASTORE_TOKENIZER',
      'is of another tokenizer. Index the texts again with this target: outrider index FILES --target T.gguf',
    );
  }
  return header;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Reads and checks the table of chunks.
 * @throws {DatastoreError} DATASTORE_DAMAGED, DATASTORE_ACCESS
 */
export function readChunks(reader: PageReader, header: DatastoreHeader): Chunk[] {
  const words = reader.words(header.tablePage, header.numChunks * chunkFields.length);
  const chunks = Array.from({ length: header.numChunks }, (_, index) => {
    const fields = words.subarray(index * chunkFields.length);
    return Object.fromEntries(chunkFields.map((field, place) => [field, fields[place]])) as unknown as Chunk;
  });
  for (const { tokensPage, numTokens, orderPage, numPositions } of chunks) {
    const isWithin =
      tokensPage > 0 &&
      tokensPage + pagesFor(numTokens) <= header.numPages &&
      orderPage > 0 &&
      orderPage + pagesFor(numPositions) <= header.numPages;
    if (!isWithin) throw new DatastoreError('DATASTORE_DAMAGED', `${reader.path} has a broken table.`);
  }
  return chunks;
}

/** True when a file begins as a datastore does. */
export function isDatastore(start: Uint8Array): boolean {
  return Buffer.from(start).toString('latin1', 0, magic.length) === magic;
}
