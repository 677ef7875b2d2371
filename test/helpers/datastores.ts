import { createHash } from 'node:crypto';
import { openDatastore, type Datastore } from '../../src/draft/datastore.js';
import {
  writeDatastore,
  type DatastoreSummary,
  type WriteDatastoreOptions,
} from '../../src/draft/datastore-writer.js';
import { SeededRandom } from '../fixtures/seeded-random.js';

/** A tokenizer's name. */
export const fingerprint = createHash('sha256').update('a tokenizer').digest('hex');

/** Writes documents; each is added in two parts. */
export function writeDocuments(
  path: string,
  documents: readonly (readonly number[])[],
  options: Partial<WriteDatastoreOptions> = {},
): Promise<DatastoreSummary> {
  return writeDatastore(path, { fingerprint, ...options }, (writer) => {
    for (const document of documents) {
      const middle = document.length >> 1;
      writer.add(document.slice(0, middle));
      writer.add(document.slice(middle));
      writer.endDocument();
    }
  });
}

/** The longest suffix of a context that goes on in a document, and how it goes on, in sorted order. */
export interface Found {
  readonly length: number;
  readonly continuations: readonly string[];
}

/** Looks at every place of every document. */
export function searchNaively(
  documents: readonly (readonly number[])[],
  context: readonly number[],
  longest: number,
  continuationLength: number,
): Found {
  let found: { length: number; continuations: string[] } = { length: 0, continuations: [] };
  for (const document of documents) {
    for (let end = 1; end < document.length; end++) {
      let length = 0;
      const most = Math.min(longest, context.length, end);
      while (length < most && document[end - 1 - length] === context[context.length - 1 - length]) length++;
      if (length === 0 || length < found.length) continue;
      if (length > found.length) found = { length, continuations: [] };
      found.continuations.push(document.slice(end, end + continuationLength).join());
    }
  }
  found.continuations.sort();
  return found;
}

/** The same from a datastore. */
export function searchDatastore(
  datastore: Datastore,
  context: readonly number[],
  longest: number,
  continuationLength: number,
): Found {
  const match = datastore.longestMatch(Int32Array.from(context), 1, longest);
  if (match === undefined) return { length: 0, continuations: [] };
  const continuations = Array.from({ length: match.numPlaces }, (_, place) =>
    datastore.continuation(match, place, continuationLength).join(),
  );
  return { length: match.length, continuations: continuations.sort() };
}

/** Runs `use` on an open datastore and closes it. */
export function withDatastore<T>(path: string, use: (datastore: Datastore) => T): T {
  const datastore = openDatastore(path, fingerprint);
  try {
    return use(datastore);
  } finally {
    datastore.close();
  }
}

/** A document of the given number, always the same; small alphabets repeat themselves a lot. */
export function seededDocument(number: number, numTokens: number, alphabet: number): number[] {
  const random = new SeededRandom(number, 'document');
  return Array.from({ length: numTokens }, () => Math.floor(alphabet * random.uniform()));
}
