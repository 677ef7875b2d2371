import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatastore, type Datastore } from '../../src/draft/datastore.js';
import { encodeHeader } from '../../src/draft/datastore-format.js';
import { pageBytes, wordsPerPage } from '../../src/draft/page-file.js';
import { DatastoreError, DisposedError } from '../../src/errors.js';
import { crc32 } from 'node:zlib';
import {
  fingerprint,
  searchDatastore,
  searchNaively,
  seededDocument,
  withDatastore,
  writeDocuments,
} from '../helpers/datastores.js';

let folder: string;
const file = (name: string): string => join(folder, name);
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'outrider-datastore-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** Contexts that end as the documents do somewhere, and some that do not. */
function contextsOf(documents: readonly (readonly number[])[], alphabet: number): number[][] {
  const contexts = documents.flatMap((document, number) =>
    Array.from({ length: 12 }, (_, index) => {
      const end = Math.floor((document.length * (index + 1)) / 12);
      return [
        ...seededDocument(number + index, 5, alphabet),
        ...document.slice(Math.max(0, end - index), end),
      ];
    }),
  );
  return [...contexts, [alphabet + 1], [], ...documents.map((document) => document.slice(0, 40))];
}

function expectSearchesAsNaively(
  datastore: Datastore,
  documents: readonly (readonly number[])[],
  alphabet: number,
): void {
  for (const context of contextsOf(documents, alphabet)) {
    for (const longest of [1, 4, 16, 32]) {
      expect(searchDatastore(datastore, context, longest, 10)).toEqual(
        searchNaively(documents, context, longest, 10),
      );
    }
  }
}

describe('a datastore', () => {
  it('finds what looking at every place of every document finds', async () => {
    const alphabet = 4;
    const document = fc.array(fc.integer({ min: 0, max: alphabet - 1 }), { maxLength: 40 });
    const filled = fc
      .array(document, { minLength: 1, maxLength: 8 })
      .filter((documents) => documents.some(({ length }) => length > 0));
    await fc.assert(
      fc.asyncProperty(filled, async (documents) => {
        await writeDocuments(file('property'), documents);
        withDatastore(file('property'), (store) => expectSearchesAsNaively(store, documents, alphabet));
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['one document over many chunks', [3000]],
    ['documents that end where chunks do', [255, 256, 257, 511, 512, 1024, 1]],
    ['short ones', Array.from({ length: 90 }, (_, index) => index % 30)],
  ])('finds the same across the borders of chunks: %s', async (_name, lengths) => {
    const alphabet = 3;
    const documents = lengths.map((length, number) => seededDocument(number, length, alphabet));
    const summary = await writeDocuments(file('chunks'), documents, { chunkTokens: 256 });
    expect(summary.chunks).toBeGreaterThan(4);
    expect(summary).toMatchObject({
      documents: lengths.filter((length) => length > 0).length,
      tokens: lengths.reduce((sum, length) => sum + length),
    });
    withDatastore(file('chunks'), (store) => expectSearchesAsNaively(store, documents, alphabet));
  });

  it('finds the same across the borders of pages', async () => {
    const document = seededDocument(2, 5 * wordsPerPage, 30);
    await writeDocuments(file('pages'), [document]);
    withDatastore(file('pages'), (store) => {
      for (let border = wordsPerPage; border < document.length; border += wordsPerPage) {
        for (let end = border - 3; end < border + 9; end++) {
          const context = document.slice(end - 8, end);
          expect(searchDatastore(store, context, 8, 12)).toEqual(searchNaively([document], context, 8, 12));
        }
      }
    });
  });

  it('that was extended document by document is that of all documents at once', async () => {
    const documents = [40, 700, 1, 256, 30, 211, 300].map((length, number) =>
      seededDocument(number, length, 3),
    );
    for (const [number, document] of documents.entries()) {
      await writeDocuments(file('extended'), [document], { append: number > 0, chunkTokens: 256 });
    }
    await writeDocuments(file('at-once'), documents, { chunkTokens: 256 });
    expect(readFileSync(file('extended')).equals(readFileSync(file('at-once')))).toBe(true);
  });

  it('neither matches nor goes on across the end of a document', async () => {
    await writeDocuments(file('ends'), [
      [1, 2],
      [3, 4, 5],
    ]);
    withDatastore(file('ends'), (store) => {
      expect(searchDatastore(store, [2, 3], 16, 10)).toEqual({ length: 1, continuations: ['4,5'] });
      expect(searchDatastore(store, [1], 16, 10)).toEqual({ length: 1, continuations: ['2'] });
      expect(searchDatastore(store, [1, 2], 16, 10)).toEqual({ length: 0, continuations: [] });
    });
  });

  it('is opened with three pages read, and searched with few, whatever its size', async () => {
    await writeDocuments(file('large'), [seededDocument(1, 400_000, 1000)]);
    withDatastore(file('large'), (store) => {
      expect(store.numReads).toBeLessThanOrEqual(3);
      const before = store.numReads;
      searchDatastore(store, seededDocument(1, 5000, 1000), 16, 10);
      expect(store.numReads - before).toBeLessThan(4 * Math.log2(400_000) + 10);
    });
  });

  it('keeps no more pages in memory than it may', async () => {
    const document = seededDocument(1, 100_000, 50);
    await writeDocuments(file('bounded'), [document]);
    const ample = openDatastore(file('bounded'), fingerprint);
    const small = openDatastore(file('bounded'), fingerprint, { cachePages: 8 });
    for (const store of [ample, small, ample, small]) {
      for (let end = 100; end < 100_000; end += 5000) {
        const context = document.slice(end - 3, end);
        expect(searchDatastore(store, context, 3, 4)).toEqual(searchNaively([document], context, 3, 4));
      }
    }
    expect(ample.numReads).toBeLessThanOrEqual(2 + 2 * Math.ceil(100_000 / wordsPerPage) + 1);
    expect(small.numReads).toBeGreaterThan(4 * ample.numReads);
    ample.close();
    small.close();
  });

  it('is refused after it was closed', async () => {
    await writeDocuments(file('closed'), [[1, 2, 3]]);
    const store = openDatastore(file('closed'), fingerprint);
    store.close();
    store.close();
    expect(() => searchDatastore(store, [1], 16, 10)).toThrow(DisposedError);
  });
});

describe('a datastore that cannot be used', () => {
  const documents = [seededDocument(3, 700, 5), seededDocument(4, 90, 5)];
  const write = (name: string) => writeDocuments(file(name), documents, { chunkTokens: 512 });

  /** The code of the error that opening and searching end with; undefined when all was found as it is. */
  function failureOf(path: string): string | undefined {
    try {
      withDatastore(path, (store) => expectSearchesAsNaively(store, documents, 5));
      return undefined;
    } catch (error) {
      if (!(error instanceof DatastoreError)) throw error;
      expect(error.message).toContain(path);
      return error.code;
    }
  }

  it('says so for every length it was cut to', async () => {
    await write('whole');
    const size = readFileSync(file('whole')).length;
    const lengths = [1, 18, 19, 60, pageBytes - 1, pageBytes, pageBytes + 1, size - pageBytes, size - 1];
    for (const length of lengths) {
      copyFileSync(file('whole'), file('cut'));
      truncateSync(file('cut'), length);
      expect({ length, code: failureOf(file('cut')) }).toEqual({ length, code: 'DATASTORE_DAMAGED' });
    }
    writeFileSync(file('cut'), '');
    expect(failureOf(file('cut'))).toBe('DATASTORE_EMPTY');
    writeFileSync(file('cut'), Buffer.concat([readFileSync(file('whole')), Buffer.alloc(pageBytes)]));
    expect(failureOf(file('cut'))).toBe('DATASTORE_DAMAGED');
  });

  it('says so for a changed byte in any page, and never gives a wrong answer', async () => {
    await write('whole');
    const bytes = readFileSync(file('whole'));
    const codes = new Set<string | undefined>();
    for (let at = 0; at < bytes.length; at += 509) {
      bytes[at]! ^= 0x10;
      writeFileSync(file('flipped'), bytes);
      bytes[at]! ^= 0x10;
      codes.add(failureOf(file('flipped')));
    }
    expect([...codes]).toEqual(['DATASTORE_DAMAGED']);
  });

  it('says so for pages that changed places', async () => {
    await writeDocuments(file('swapped'), [seededDocument(3, 3000, 5)]);
    const bytes = readFileSync(file('swapped'));
    const page = (number: number) => bytes.subarray(number * pageBytes, (number + 1) * pageBytes);
    const second = Buffer.from(page(2));
    page(2).set(page(1));
    page(1).set(second);
    writeFileSync(file('swapped'), bytes);
    expect(() =>
      withDatastore(file('swapped'), (store) => searchDatastore(store, [1, 2, 3], 16, 10)),
    ).toThrow(/checksum/);
  });

  it('says so when it is cut while it is open', async () => {
    await write('open');
    const store = openDatastore(file('open'), fingerprint);
    truncateSync(file('open'), pageBytes);
    expect(() => searchDatastore(store, documents[0]!.slice(0, 9), 16, 10)).toThrow(/was cut off/);
    store.close();
  });

  it.runIf(process.platform !== 'win32')(
    'goes on when it is deleted or replaced while it is open',
    async () => {
      await write('gone');
      const [deleted, replaced] = [1, 2].map(() => openDatastore(file('gone'), fingerprint));
      await writeDocuments(file('gone'), [[9, 9, 9]]);
      expectSearchesAsNaively(replaced!, documents, 5);
      rmSync(file('gone'));
      expectSearchesAsNaively(deleted!, documents, 5);
      deleted!.close();
      replaced!.close();
    },
  );

  it('says that it is of another tokenizer', async () => {
    await write('whole');
    const other = fingerprint.replace(/^./, 'x');
    expect(() => openDatastore(file('whole'), other)).toThrow(
      expect.objectContaining({ code: 'DATASTORE_TOKENIZER' }),
    );
    await expect(writeDocuments(file('whole'), [[1]], { fingerprint: other, append: true })).rejects.toThrow(
      expect.objectContaining({ code: 'DATASTORE_TOKENIZER' }),
    );
    expect(failureOf(file('whole'))).toBeUndefined();
  });

  it('says that it is of a newer version', async () => {
    await write('newer');
    const bytes = readFileSync(file('newer'));
    const header = { fingerprint, numPages: 0, numTokens: 1, numDocuments: 1, chunkTokens: 1, numChunks: 1 };
    const words = encodeHeader({ ...header, tablePage: 1, version: 2 } as never);
    bytes.set(Buffer.from(words.buffer));
    bytes.writeUInt32LE(crc32(words, 0), pageBytes - 4);
    writeFileSync(file('newer'), bytes);
    expect(failureOf(file('newer'))).toBe('DATASTORE_VERSION');
  });

  it('says that it is missing, a folder, or something else', async () => {
    expect(failureOf(file('missing'))).toBe('DATASTORE_ACCESS');
    expect(failureOf(folder)).toBe('DATASTORE_ACCESS');
    writeFileSync(file('text'), 'a text'.repeat(1000));
    expect(failureOf(file('text'))).toBe('DATASTORE_DAMAGED');
  });
});

describe('writing a datastore', () => {
  it('leaves nothing behind when it fails, and the old one as it was', async () => {
    await writeDocuments(file('kept'), [[1, 2, 3]]);
    const before = readFileSync(file('kept'));
    const names = readdirSync(folder);
    const failed = writeDocuments(file('kept'), [[1, 2, -1]], { append: true });
    await expect(failed).rejects.toThrow(/Expected token ids .* -1/);
    expect(readdirSync(folder)).toEqual(names);
    expect(readFileSync(file('kept')).equals(before)).toBe(true);
  });

  it('refuses documents without tokens, and what is no datastore', async () => {
    await expect(writeDocuments(file('none'), [[], []])).rejects.toThrow(
      expect.objectContaining({ code: 'DATASTORE_EMPTY' }),
    );
    writeFileSync(file('precious.txt'), 'my only copy');
    await expect(writeDocuments(file('precious.txt'), [[1]])).rejects.toThrow(/is not a datastore/);
    expect(readFileSync(file('precious.txt'), 'utf8')).toBe('my only copy');
    await expect(writeDocuments(folder, [[1]])).rejects.toThrow(
      expect.objectContaining({ code: 'DATASTORE_ACCESS' }),
    );
    expect(readdirSync(folder)).not.toContain('none');
  });

  it('removes what a dead process left', async () => {
    writeFileSync(file('tidy.0badcafe.partial'), 'half');
    writeFileSync(file('tidy.lock.0badcafe'), '1 elsewhere 00');
    await writeDocuments(file('tidy'), [[1, 2, 3]]);
    expect(readdirSync(folder).filter((name) => name.startsWith('tidy'))).toEqual(['tidy']);
  });
});
