import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runMain } from './run-main.js';

const content = randomBytes(2000);
const sha256 = createHash('sha256').update(content).digest('hex');

/** Serves `content` as /model.gguf, in ranges. */
const server = createServer((request, response) => {
  if (request.url !== '/model.gguf') return void response.writeHead(404).end();
  const headers = { 'accept-ranges': 'bytes', etag: '"first"' };
  const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
  if (range === null) {
    return void response.writeHead(200, { ...headers, 'content-length': content.length }).end();
  }
  const [start, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, content.length)];
  response.writeHead(206, {
    ...headers,
    'content-length': end - start,
    'content-range': `bytes ${start}-${end - 1}/${content.length}`,
  });
  response.end(content.subarray(start, end));
});

let folder: string;
let origin: string;
const pull = (...args: string[]) => runMain(['pull', '--directory', join(folder, 'cache'), ...args]);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-pull-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

describe('outrider pull', () => {
  it('prints the path of what it downloaded, and progress on stderr', async () => {
    const { stdout, stderr, status } = await pull(`${origin}/model.gguf`);
    expect(status).toBe(0);
    expect(readFileSync(stdout.trimEnd()).equals(content)).toBe(true);
    expect(stdout).toMatch(/^\S+\n$/);
    expect(stderr).toContain('100 %');
  });

  it('prints the path of a model that is here already', async () => {
    const path = join(folder, 'here.gguf');
    writeFileSync(path, content);
    expect(await pull(path)).toEqual({ stdout: `${path}\n`, stderr: '', status: 0 });
  });

  it('fails on a file that is not there', async () => {
    const { stdout, stderr, status } = await pull(join(folder, 'nothing.gguf'));
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
    expect(stderr).toContain('nothing.gguf');
  });

  it('prints one object with --json', async () => {
    const path = join(folder, 'own.gguf');
    writeFileSync(path, content);
    const { stdout, stderr } = await pull(path, '--json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ path, bytes: content.length, sha256 });
  });

  it('fails where the checksum is another, and names both', async () => {
    const wrong = '0'.repeat(64);
    const { stdout, stderr, status } = await pull(`${origin}/model.gguf`, '--sha256', wrong);
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
    expect(stderr).toContain(wrong);
    expect(stderr).toContain(sha256);
  });

  it('fails where the server has no such file, and names the address', async () => {
    const { stdout, stderr, status } = await pull(`${origin}/none.gguf`);
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
    expect(stderr).toContain(`HTTP 404 from ${origin}/none.gguf`);
  });

  it('refuses a reference of no known form, and tells the forms there are', async () => {
    const { stdout, stderr, status } = await pull('ftp://example.invalid/model.gguf');
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
    expect(stderr).toContain('hf:user/repo:quant');
    expect(stderr).toContain('Hint: ');
    expect(stderr).not.toContain('    at ');
  });

  it('takes a checksum that is none, or no model at all, as wrong usage', async () => {
    expect((await pull(`${origin}/model.gguf`, '--sha256', 'abc')).status).toBe(2);
    expect((await pull()).status).toBe(2);
  });
});
