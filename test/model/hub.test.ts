import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DownloadError, ModelLoadError } from '../../src/errors.js';
import type { DownloadProgress } from '../../src/model/download.js';
import { resolveModel } from '../../src/model/hub.js';

const megabyte = 2 ** 20;
/** Three chunks of the downloader (5 MiB each), the last one short. */
const content = randomBytes(12 * megabyte);
const sha256 = createHash('sha256').update(content).digest('hex');
const wrongSha256 = '0'.repeat(64);

/** How a range is answered: whole, cut off after some bytes, refused by a status, or begun and left hanging. */
type RangeReply = 'whole' | { cutAfter: number } | { status: number } | 'hang';

/** A file server whose answers to range requests can be made to fail. */
class FileServer {
  readonly requests: string[] = [];
  /** First byte of every range asked for. */
  readonly rangeStarts: number[] = [];
  rangeBytesServed = 0;
  linkedSha256: string | undefined;
  etag = '"first"';
  /** What is served; `content` but for a test that changes it. */
  body = content;
  requiredToken: string | undefined;
  reply: (rangeIndex: number) => RangeReply = () => 'whole';
  readonly #server = createServer((request, response) => this.#answer(request, response));

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.origin}/files/model.gguf`;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(`${request.method} ${request.url}`);
    const { pathname } = new URL(request.url!, this.origin);
    const token = this.requiredToken;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end();
    } else if (pathname === '/v2/user/repo/manifests/Q8_0') {
      response.end(JSON.stringify({ ggufFile: { rfilename: 'weights/model.gguf' } }));
    } else if (!pathname.endsWith('/model.gguf')) {
      response.writeHead(404).end();
    } else if (request.method === 'HEAD' && this.linkedSha256 !== undefined) {
      response.writeHead(302, { location: '/elsewhere', 'x-linked-etag': `"${this.linkedSha256}"` }).end();
    } else {
      this.#sendFile(request, response);
    }
  }

  #sendFile(request: IncomingMessage, response: ServerResponse): void {
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
    if (range === null) {
      response.writeHead(200, {
        'content-length': content.length,
        'accept-ranges': 'bytes',
        etag: this.etag,
      });
      response.flushHeaders();
      return;
    }
    const [start, end] = [Number(range[1]), Number(range[2]) + 1];
    const reply = this.reply(this.rangeStarts.push(start) - 1);
    if (typeof reply === 'object' && 'status' in reply) return void response.writeHead(reply.status).end();
    response.writeHead(206, {
      'content-length': end - start,
      'content-range': `bytes ${start}-${end - 1}/${content.length}`,
      'accept-ranges': 'bytes',
    });
    if (reply === 'hang') return response.flushHeaders();
    const body =
      reply === 'whole' ? this.body.subarray(start, end) : this.body.subarray(start, start + reply.cutAfter);
    this.rangeBytesServed += body.length;
    response.write(body, () => (reply === 'whole' ? response.end() : response.destroy()));
  }

  forget(): void {
    this.requests.length = 0;
    this.rangeStarts.length = 0;
    this.rangeBytesServed = 0;
    this.reply = () => 'whole';
  }
}

let server: FileServer;
let directory: string;

beforeEach(async () => {
  server = new FileServer();
  await server.start();
  directory = await mkdtemp(join(tmpdir(), 'outrider-hub-'));
});

afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const pathOfUrl = (): string =>
  join(directory, new URL(server.url).host.replace(':', '_'), 'files/model.gguf');
const isContent = async (path: string): Promise<boolean> => content.equals(await readFile(path));

describe('a local path', () => {
  it('is returned as it is', async () => {
    const path = join(directory, 'own.gguf');
    await writeFile(path, 'x');
    expect(await resolveModel(path)).toBe(path);
  });

  it('that names no file is refused as MODEL_NOT_FOUND', async () => {
    const missing = resolveModel(join(directory, 'none.gguf'));
    await expect(missing).rejects.toThrow(ModelLoadError);
    await expect(missing).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  it('with a wrong checksum is refused but kept', async () => {
    const path = join(directory, 'own.gguf');
    await writeFile(path, 'x');
    await expect(resolveModel(path, { sha256: wrongSha256 })).rejects.toThrow(DownloadError);
    expect(existsSync(path)).toBe(true);
  });
});

describe('a download', () => {
  it('is whole, and its progress rises to the size of the file', async () => {
    const seen: DownloadProgress[] = [];
    const onProgress = (progress: DownloadProgress): unknown => seen.push(progress);
    const path = await resolveModel(server.url, { directory, onProgress });
    expect(path).toBe(pathOfUrl());
    expect(await isContent(path)).toBe(true);
    const bytes = seen.map((progress) => progress.bytes);
    expect(bytes).toEqual([...bytes].sort((left, right) => left - right));
    expect(seen.at(-1)).toEqual({ bytes: content.length, totalBytes: content.length });
  });

  it('is done once for two calls at the same time, and not again for a third', async () => {
    const both = await Promise.all([
      resolveModel(server.url, { directory }),
      resolveModel(server.url, { directory }),
    ]);
    expect(both).toEqual([pathOfUrl(), pathOfUrl()]);
    expect(server.requests.filter((request) => request.startsWith('HEAD'))).toHaveLength(1);
    server.forget();
    expect(await resolveModel(server.url, { directory })).toBe(pathOfUrl());
    expect(server.requests).toEqual([]);
  });

  it('goes on where a server broke off twice', async () => {
    const cuts = [6 * megabyte, 1000];
    server.reply = (index) => (index < cuts.length ? { cutAfter: cuts[index]! } : 'whole');
    expect(await isContent(await resolveModel(server.url, { directory, sha256 }))).toBe(true);
    expect(server.rangeStarts.filter((start) => start === 5 * megabyte)).toHaveLength(1);
    expect(server.rangeBytesServed).toBeLessThan(16 * megabyte);
  });

  it('of a server that always breaks off fails within seconds, and a later call goes on from there', async () => {
    server.reply = (index) => ({ cutAfter: index === 0 ? 6 * megabyte : 1000 });
    const start = Date.now();
    const broken = resolveModel(server.url, { directory, maxRetries: 2 });
    await expect(broken).rejects.toThrow(DownloadError);
    await expect(broken).rejects.toThrow(/broke off/);
    expect(Date.now() - start).toBeLessThan(15_000);
    expect(existsSync(pathOfUrl())).toBe(false);

    server.forget();
    expect(await isContent(await resolveModel(server.url, { directory }))).toBe(true);
    expect(server.rangeBytesServed).toBe(7 * megabyte);
  });

  it('refused midway fails as a DownloadError and leaves this process alive', async () => {
    server.reply = (index) => (index === 0 ? 'whole' : { status: 403 });
    await expect(resolveModel(server.url, { directory })).rejects.toThrow(DownloadError);
  });

  it('that is aborted rejects with the reason, stops asking, and can go on later', async () => {
    server.reply = (index) => (index === 0 ? 'whole' : 'hang');
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ bytes }: DownloadProgress): void => {
      if (bytes >= 5 * megabyte) setTimeout(() => controller.abort(reason), 100);
    };
    const aborted = resolveModel(server.url, { directory, signal: controller.signal, onProgress });
    await expect(aborted).rejects.toBe(reason);
    const numRequests = server.requests.length;
    await sleep(500);
    expect(server.requests).toHaveLength(numRequests);

    server.forget();
    expect(await isContent(await resolveModel(server.url, { directory }))).toBe(true);
    expect(server.rangeBytesServed).toBe(7 * megabyte);
  });

  it('whose file changed since it broke off begins anew instead of mixing both', async () => {
    server.reply = (index) => ({ cutAfter: index === 0 ? 6 * megabyte : 1000 });
    await expect(resolveModel(server.url, { directory, maxRetries: 0 })).rejects.toThrow(DownloadError);
    server.forget();
    server.etag = '"second"';
    server.body = randomBytes(content.length);
    const path = await resolveModel(server.url, { directory });
    expect(server.body.equals(await readFile(path))).toBe(true);
  });

  it('sends the headers given', async () => {
    server.requiredToken = 'open';
    const headers = { Authorization: 'Bearer open' };
    expect(await isContent(await resolveModel(server.url, { directory, headers }))).toBe(true);
  });

  it('of a file that is not there names the address', async () => {
    const missing = `${server.origin}/none.gguf`;
    const failed = resolveModel(missing, { directory });
    await expect(failed).rejects.toThrow(DownloadError);
    await expect(failed).rejects.toThrow(`HTTP 404 from ${missing}`);
  });

  it('over plain http from another machine is refused', async () => {
    const unsafe = resolveModel('http://example.invalid/model.gguf', { directory });
    await expect(unsafe).rejects.toThrow(/plain http/);
  });
});

describe('a checksum', () => {
  it('that is right passes, and one that is wrong later keeps the good file of the cache', async () => {
    expect(await resolveModel(server.url, { directory, sha256 })).toBe(pathOfUrl());
    const failed = resolveModel(server.url, { directory, sha256: wrongSha256 });
    await expect(failed).rejects.toThrow(new RegExp(`${wrongSha256}.*${sha256}`));
    expect(await isContent(pathOfUrl())).toBe(true);
  });

  it('in the address that is wrong removes what was downloaded and names both sums', async () => {
    const failed = resolveModel(`${server.url}#sha256=${wrongSha256}`, { directory });
    await expect(failed).rejects.toThrow(DownloadError);
    await expect(failed).rejects.toThrow(new RegExp(`${wrongSha256}.*${sha256}`));
    expect((await readdir(directory, { recursive: true })).filter((name) => name.includes('gguf'))).toEqual(
      [],
    );
  });

  it('that is not 64 hex digits is a TypeError', async () => {
    await expect(resolveModel(server.url, { directory, sha256: 'abc' })).rejects.toThrow(TypeError);
  });
});

describe('a model of the hub', () => {
  beforeEach(() => vi.stubEnv('HF_ENDPOINT', server.origin));
  afterEach(() => vi.unstubAllEnvs());

  it('is found by its quantisation, checked by the sum of the hub, and asked for once', async () => {
    server.linkedSha256 = sha256;
    const path = await resolveModel('hf:user/repo:Q8_0', { directory });
    expect(await isContent(path)).toBe(true);
    expect(server.requests).toContain('HEAD /user/repo/resolve/main/weights/model.gguf?download=true');
    server.forget();
    expect(await resolveModel('hf:user/repo:Q8_0', { directory })).toBe(path);
    expect(server.requests).toEqual([]);
  });

  it('that is private is read with a token', async () => {
    server.requiredToken = 'open';
    const path = await resolveModel('hf:user/repo/model.gguf', { directory, token: 'open' });
    expect(await isContent(path)).toBe(true);
  });

  it('that differs from the sum of the hub never enters the cache', async () => {
    server.linkedSha256 = wrongSha256;
    const failed = resolveModel('hf:user/repo/model.gguf', { directory });
    await expect(failed).rejects.toThrow(new RegExp(`${wrongSha256}.*${sha256}`));
    expect((await readdir(directory, { recursive: true })).filter((name) => name.includes('gguf'))).toEqual(
      [],
    );
  });
});
