// What a datastore costs: to build, to open, to draft from, in memory.
// npm run bench:datastore [-- MILLIONS_OF_TOKENS [CHUNK_TOKENS]]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, quantile } from 'simple-statistics';
import { openDatastore } from '../../src/draft/datastore.js';
import { writeDatastore } from '../../src/draft/datastore-writer.js';
import type { DraftRequest } from '../../src/draft/drafter.js';
import { RetrievalDrafter } from '../../src/draft/retrieval.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { fingerprint } from '../helpers/datastores.js';
import { TokenSource } from '../helpers/token-source.js';
import { machine } from './measure.js';

const numTokens = 1e6 * Number(process.argv[2] ?? 20);
const chunkTokens = process.argv[3] === undefined ? undefined : Number(process.argv[3]);
const numDrafts = 2000;
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const residentMiB = (): number => process.memoryUsage().rss / 2 ** 20;

const folder = mkdtempSync(join(tmpdir(), 'outrider-bench-datastore-'));
const path = join(folder, 'bench.datastore');

async function build(): Promise<void> {
  const source = new TokenSource(1);
  let [mostMiB, sourceMs] = [0, 0];
  const started = performance.now();
  const summary = await writeDatastore(path, { fingerprint, chunkTokens }, (writer) => {
    while (writer.numTokens < numTokens) {
      const begun = performance.now();
      const document = source.document();
      sourceMs += performance.now() - begun;
      writer.add(document);
      writer.endDocument();
      mostMiB = Math.max(mostMiB, residentMiB());
    }
  });
  const seconds = (performance.now() - started - sourceMs) / 1000;
  print(
    `${(summary.tokens / 1e6).toFixed(1)} million tokens in ${summary.documents} documents and ${summary.chunks} chunks: ` +
      `${seconds.toFixed(1)} s to index, ${(summary.bytes / 2 ** 20).toFixed(0)} MiB on disk, ` +
      `${mostMiB.toFixed(0)} MiB resident at most while writing`,
  );
}

/** Microseconds of drafts whose contexts end as documents of the datastore do. */
async function draft(
  name: string,
  drafter: RetrievalDrafter,
  contexts: readonly Int32Array[],
): Promise<void> {
  const times: number[] = [];
  let numNodes = 0;
  for (const tokens of contexts) {
    const request: DraftRequest = {
      tokens,
      maxNodes: 64,
      sampling: {},
      needsDraftProbs: false,
      uniform: () => 0,
    };
    const started = performance.now();
    numNodes += (await drafter.draft(request)).tree.numNodes;
    times.push(1000 * (performance.now() - started));
  }
  print(
    `${name}: ${median(times).toFixed(0)} us a draft, 9 of 10 below ${quantile(times, 0.9).toFixed(0)} us, ` +
      `${(numNodes / contexts.length).toFixed(1)} nodes, ${residentMiB().toFixed(0)} MiB resident`,
  );
}

try {
  print(machine());
  await build();
  const openings = Array.from({ length: 20 }, () => {
    const started = performance.now();
    const store = openDatastore(path, fingerprint);
    const ms = performance.now() - started;
    store.close();
    return ms;
  });
  print(`${median(openings).toFixed(2)} ms to open`);
  const source = new TokenSource(1);
  const random = new SeededRandom(2, 'contexts');
  const contexts = Array.from({ length: numDrafts }, () => {
    const document = source.document();
    return document.slice(0, 1 + Math.floor(document.length * random.uniform()));
  });
  const store = openDatastore(path, fingerprint);
  const drafter = new RetrievalDrafter(store);
  await draft('contexts of the texts, first time', drafter, contexts);
  await draft('the same again', drafter, contexts);
  const other = new TokenSource(9);
  await draft(
    'contexts of other texts',
    drafter,
    contexts.map(() => other.document().slice(0, 50)),
  );
  print(`${store.numReads} pages read`);
  await drafter.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
