import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addDocuments } from '../../src/cli/indexed-files.js';
import { openDatastore } from '../../src/draft/datastore.js';
import { writeDatastore } from '../../src/draft/datastore-writer.js';
import type { Vocabulary } from '../../src/model/vocabulary.js';
import { fingerprint, searchDatastore } from '../helpers/datastores.js';
import { report } from '../helpers/report.js';
import { TokenSource } from '../helpers/token-source.js';

/** Gigabytes of text that stream in; a datastore of them takes twice as much disk. */
const gigabytes = Number(process.env['OUTRIDER_INDEX_GB'] ?? 1);
const folder = mkdtempSync(join(tmpdir(), 'outrider-datastore-size-'));
afterAll(() => rmSync(folder, { recursive: true }));

const residentMiB = (): number => process.memoryUsage().rss / 2 ** 20;
/** What indexing may take beyond what was there: a chunk, its order twice over, and what waits to be collected. */
const mostMiB = 500;

/** A tokenizer whose tokens are written as `xxx ` with three letters, four bytes each. */
const letters = 'abcdefghijklmnopqrstuvwxyz012345';
const wordOf = (token: number): string =>
  letters[token >> 10]! + letters[(token >> 5) & 31]! + letters[token & 31]! + ' ';
const fake = {
  info: { vocabSize: 32_768 },
  tokenizer: {
    encode: (text: string): Int32Array => {
      const words = text.trim();
      if (words === '') return new Int32Array(0);
      const tokens = new Int32Array((words.length + 1) / 4);
      for (let index = 0; index < tokens.length; index++) {
        for (let place = 0; place < 3; place++) {
          tokens[index] = 32 * tokens[index]! + letters.indexOf(words[4 * index + place]!);
        }
      }
      return tokens;
    },
  },
} as unknown as Vocabulary;

/** The text of a file that is nowhere: made as it is read. */
async function* text(numBytes: number, samples: Int32Array[]): AsyncGenerator<Uint8Array> {
  const source = new TokenSource(3);
  for (let done = 0, number = 0; done < numBytes; number++) {
    const document = source.document();
    if (number % 20_000 === 0) samples.push(document);
    const bytes = Buffer.from(Array.from(document, wordOf).join(''));
    yield bytes;
    done += bytes.length;
  }
}

describe(`${gigabytes} GB of text`, () => {
  it('are indexed, and searched, in memory that does not depend on them', async () => {
    const path = join(folder, 'large.datastore');
    const samples: Int32Array[] = [];
    const before = residentMiB();
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, residentMiB())), 20);
    const started = performance.now();
    const summary = await writeDatastore(path, { fingerprint }, async (writer) => {
      const watched = {
        add: (tokens: ArrayLike<number>) => {
          writer.add(tokens);
          most = Math.max(most, residentMiB());
        },
        endDocument: () => writer.endDocument(),
      };
      await addDocuments({ name: 'large.txt', bytes: text(1e9 * gigabytes, samples) }, fake, watched);
    });
    clearInterval(watch);
    const seconds = (performance.now() - started) / 1000;
    expect(summary.tokens).toBeGreaterThan((1e9 * gigabytes) / 4 - 1);
    expect(statSync(path).size).toBe(summary.bytes);
    expect(most - before).toBeLessThan(mostMiB);

    const opened = performance.now();
    const store = openDatastore(path, fingerprint);
    const openMs = performance.now() - opened;
    const settled = residentMiB();
    const searching = performance.now();
    for (const sample of samples) {
      for (const end of [20, 50, 90]) {
        const found = searchDatastore(store, Array.from(sample.subarray(0, end)), 32, 5);
        expect(found.length).toBe(Math.min(32, end));
        expect(found.continuations).toContain(sample.subarray(end, end + 5).join());
      }
    }
    const searchMs = (performance.now() - searching) / (3 * samples.length);
    expect(residentMiB() - settled).toBeLessThan(100);
    store.close();
    report(`${gigabytes} GB of text`, [
      {
        tokens: summary.tokens,
        chunks: summary.chunks,
        'GB on disk': summary.bytes / 1e9,
        seconds,
        'MiB more at most': most - before,
        'ms to open': openMs,
        'ms a search': searchMs,
      },
    ]);
  });
});
