import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datastoreLock } from '../../src/draft/datastore-writer.js';
import { withFileLock } from '../../src/model/file-lock.js';
import {
  expectDocuments,
  isBuilt,
  killWhileWriting,
  startAppending,
} from '../helpers/datastore-processes.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-datastore-processes-'));
beforeAll(() => expect(isBuilt, 'run npm run build first').toBe(true));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a datastore that processes write', () => {
  it('holds what all of them added at once', async () => {
    const path = join(folder, 'shared');
    const children = [0, 5, 10].map((first) => startAppending(path, first, 5));
    const ends = await Promise.all(children.map((child) => once(child, 'close')));
    expect(ends.map(([code]) => code as number)).toEqual([0, 0, 0]);
    expectDocuments(
      path,
      Array.from({ length: 15 }, (_, number) => number),
    );
  });

  it('is as before or as after when one is killed, a dozen times', async () => {
    expect(await killWhileWriting(join(folder, 'killed'), 12, 1)).toBeGreaterThan(2);
  });

  it('is waited for while another holds it, also when that one computes and does not answer', async () => {
    const path = join(folder, 'busy');
    let hasEnded = false;
    const closed = await withFileLock(datastoreLock(path), undefined, async () => {
      const waiting = startAppending(path, 0, 1);
      const end = once(waiting, 'close').then(() => (hasEnded = true));
      await once(waiting.stdout!, 'data');
      // Longer than a lock may rest whose owner nobody knows.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6_500);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(hasEnded).toBe(false);
      return { end };
    });
    await closed.end;
    expectDocuments(path, [0]);
  });
});
