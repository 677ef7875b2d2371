import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../src/model/file-checksum.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-checksum-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(bytes: Buffer): string {
  const path = join(folder, `${bytes.length}.bin`);
  writeFileSync(path, bytes);
  return path;
}

describe('the sum of a file', () => {
  it.each([0, 1, 5_000_000])('of %i bytes is that of its bytes, and tells how far it is', async (size) => {
    const bytes = Buffer.alloc(size, 'outrider');
    const shares: number[] = [];
    const sum = await sha256OfFile(fileOf(bytes), undefined, (share) => shares.push(share));
    expect(sum).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(shares).toEqual(shares.toSorted((one, other) => one - other));
    expect(shares.length).toBe(Math.ceil(size / 2 ** 20));
    expect(shares.at(-1)).toBe(size === 0 ? undefined : 1);
  });

  it('ends with the reason of its signal, or with what the file system says', async () => {
    const path = fileOf(Buffer.alloc(3_000_000));
    const reason = new Error('enough');
    await expect(sha256OfFile(path, AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(sha256OfFile(join(folder, 'none.bin'))).rejects.toThrow(/ENOENT/);
  });
});
