import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { fingerprint, searchDatastore, seededDocument, withDatastore, writeDocuments } from './datastores.js';

const writerUrl = new URL('../../dist/draft/datastore-writer.js', import.meta.url);

/** False before the package was built. */
export const isBuilt = existsSync(writerUrl);

/** Settings of what children write: several chunks, so that writing is spread over time. */
const chunkTokens = 2048;
const documentTokens = 5000;
/** Latest moment of a kill; a child writes some documents until then. */
const longestMs = 150;

/** The document of this number: its own token at its beginning, so that each can be told apart. */
export function numberedDocument(number: number): number[] {
  return [1000 + number, 2000 + number, ...seededDocument(number, documentTokens, 50), 3000 + number];
}

/** A child that appends documents one by one from `first` on, and says so after each. */
export function startAppending(path: string, first: number, count: number): ChildProcess {
  const source = `
    const { writeDatastore } = await import(${JSON.stringify(writerUrl.href)});
    const documents = ${JSON.stringify(Array.from({ length: count }, (_, index) => numberedDocument(first + index)))};
    console.log('ready');
    for (const document of documents) {
      const options = { fingerprint: ${JSON.stringify(fingerprint)}, append: true, chunkTokens: ${chunkTokens} };
      await writeDatastore(${JSON.stringify(path)}, options, (writer) => writer.add(document));
      console.log('written');
    }`;
  return spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Checks that a datastore holds exactly the documents numbered so. */
export function expectDocuments(path: string, numbers: readonly number[]): void {
  withDatastore(path, (store) => {
    expect(store.numDocuments).toBe(numbers.length);
    for (const number of numbers) {
      const document = numberedDocument(number);
      for (let end = 2; end < document.length; end += 499) {
        const context = document.slice(0, end);
        const { length, continuations } = searchDatastore(store, context, 32, 10);
        expect(length).toBe(Math.min(32, end));
        expect(continuations).toContain(document.slice(end, end + 10).join());
      }
    }
  });
}

/**
 * Kills a process at a random moment of its writing, `numKills` times, each time going on with what is there.
 * @returns the number of documents that were written
 */
export async function killWhileWriting(path: string, numKills: number, seed: number): Promise<number> {
  const random = new SeededRandom(seed, 'moments');
  await writeDocuments(path, [numberedDocument(0)], { chunkTokens });
  let numThere = 1;
  for (let kill = 0; kill < numKills; kill++) {
    const child = startAppending(path, numThere, 6);
    const closed = once(child, 'close');
    let said = '';
    child.stdout!.on('data', (text: Buffer) => (said += text.toString()));
    while (!said.includes('ready') && child.exitCode === null) await sleep(1);
    await sleep(longestMs * random.uniform());
    child.kill('SIGKILL');
    await closed;
    const numSaid = said.split('written').length - 1;
    const found = withDatastore(path, (store) => store.numDocuments);
    // What was said to be written is there; the one that was being written may be.
    expect(found).toBeGreaterThanOrEqual(numThere + numSaid);
    expect(found).toBeLessThanOrEqual(numThere + numSaid + 1);
    numThere = found;
    expectDocuments(
      path,
      Array.from({ length: numThere }, (_, number) => number),
    );
  }
  await writeDocuments(path, [numberedDocument(numThere)], { append: true });
  const left = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
  expect(left).toEqual([basename(path)]);
  return numThere + 1;
}
