// From a reference to a GGUF file on disk. Knows nothing of what is in the file.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DownloadError, ModelLoadError } from '../errors.js';
import type { DownloadedFile } from './download-worker.js';
import { cacheFolder } from './cache-folder.js';
import { download } from './download.js';
import type { DownloadProgress } from './download.js';
import { sha256OfFile } from './file-checksum.js';
import { withFileLock } from './file-lock.js';

/** How {@link resolveModel} gets a file. */
export interface ResolveModelOptions {
  /** Cache folder, default {@link defaultModelsDirectory}. */
  readonly directory?: string | undefined;
  /** Ends the download; what has come is kept and the next call goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes arrive; never called for a file that is there already. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Headers of every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Access token of the hub, default `HF_TOKEN` or the hub's token file. */
  readonly token?: string | undefined;
  /** Sum that the file must have, 64 hex digits; of a split model, its first part. Also: `https://...#sha256=...`. */
  readonly sha256?: string | undefined;
  /** How often one range may break off and be asked for again, default 5: 3 to 6 s of trying. */
  readonly maxRetries?: number | undefined;
}

/** A reference that has to be downloaded. */
interface RemoteModel {
  readonly uri: string;
  readonly directory: string;
  readonly fileName: string | undefined;
  /** Sum in the address itself. */
  readonly sha256: string | undefined;
}

/** Where downloaded models live: `OUTRIDER_MODELS`, else `models` in the cache folder. */
export function defaultModelsDirectory(): string {
  const own = process.env['OUTRIDER_MODELS'];
  if (own !== undefined && own !== '') return resolve(own);
  return join(cacheFolder(), 'models');
}

/**
 * Turns a reference into the path of a GGUF file, downloading it where needed. A local path is returned as it is;
 * `hf:user/repo:quant`, `hf:user/repo/file.gguf` and `https://.../file.gguf` come from the cache folder, and a file
 * enters that folder only when it is whole and its checksum, where one is known, is right. A split model's path is
 * that of its first part.
 *
 * @throws {ModelLoadError} MODEL_NOT_FOUND when a local path names no file
 * @throws {DownloadError} when the server refuses, breaks off too often, or the checksum is wrong (what was just
 *   downloaded is removed; a local path and a file that the cache held before are kept)
 * @throws {TypeError} when `sha256` is not 64 hex digits
 * @throws `signal.reason` when aborted
 */
export async function resolveModel(reference: string, options: ResolveModelOptions = {}): Promise<string> {
  const { signal } = options;
  requireHexDigits(options.sha256);
  signal?.throwIfAborted();
  const model = remoteModel(reference, resolve(options.directory ?? defaultModelsDirectory()));
  if (model === undefined) {
    await requireLocalFile(reference);
    await requireSum(reference, options.sha256, signal);
    return reference;
  }
  requireHexDigits(model.sha256);
  const sums = [options.sha256, model.sha256].filter((sum) => sum !== undefined);
  const path = (await findFinished(model)) ?? (await fetchModel(model, options, sums));
  for (const sum of sums) await requireSum(path, sum, signal);
  return path;
}

function requireHexDigits(sha256: string | undefined): void {
  if (sha256 === undefined || /^[0-9a-f]{64}$/i.test(sha256)) return;
  throw new TypeError(`Expected 64 hex digits for sha256 but received ${JSON.stringify(sha256)}`);
}

function remoteModel(reference: string, directory: string): RemoteModel | undefined {
  if (/^hf:/.test(reference)) return { uri: reference, directory, fileName: undefined, sha256: undefined };
  if (!/^https?:\/\//i.test(reference)) return undefined;
  if (!URL.canParse(reference)) throw new DownloadError(`Not an address: ${reference}`);
  const address = new URL(reference);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname);
  if (address.protocol === 'http:' && !isLocal) {
    throw new DownloadError(`${reference} is plain http, which anyone on the way can change. Use https.`);
  }
  const folders = [address.host, ...address.pathname.split('/').filter((part) => part !== '')];
  const names = folders.map((part) => part.replaceAll(/[^\w.%-]/g, '_'));
  const fileName = names.pop()!;
  if (!/\.gguf$/i.test(fileName)) throw new DownloadError(`${reference} does not name a .gguf file.`);
  const sha256 = /^#sha256=(.*)$/i.exec(address.hash)?.[1];
  address.hash = '';
  return { uri: address.href, directory: join(directory, ...names), fileName, sha256 };
}

async function requireLocalFile(path: string): Promise<void> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  if (isFile) return;
  throw new ModelLoadError(
    'MODEL_NOT_FOUND',
    `There is no model file at ${path}. ` +
      'Expected a path, hf:user/repo:quant, hf:user/repo/file.gguf, or an https address of a .gguf file.',
  );
}

async function findFinished({ uri, directory, fileName }: RemoteModel): Promise<string | undefined> {
  const { resolveModelFile } = await import('node-llama-cpp');
  // The library reports "not there" by a plain Error, and so does a bad address; the download tells them apart.
  return resolveModelFile(uri, { directory, fileName, download: false, cli: false }).catch(() => undefined);
}

async function fetchModel(
  model: RemoteModel,
  options: ResolveModelOptions,
  sums: readonly string[],
): Promise<string> {
  const { signal, onProgress, headers, token, maxRetries = 5 } = options;
  const { uri, directory, fileName } = model;
  const incoming = join(directory, '.incoming');
  await mkdir(incoming, { recursive: true });
  const note = join(incoming, createHash('sha256').update(uri).digest('hex').slice(0, 16));
  return withFileLock(`${note}.lock`, signal, async () => {
    const finished = await findFinished(model);
    if (finished !== undefined) return finished;
    const isWanted = async (files: readonly DownloadedFile[]): Promise<boolean> => {
      const areThere = await Promise.all(
        files.map(({ name, bytes }) => hasSize(join(directory, name), bytes)),
      );
      return areThere.includes(false);
    };
    let isStale = false;
    const mayGoOn = async (found: readonly DownloadedFile[]): Promise<boolean> => {
      isStale = await removeOtherVersion(incoming, `${note}.version`, found);
      return !isStale && isWanted(found);
    };
    const job = { uri, directory: incoming, fileName, maxRetries, headers, token };
    const control = { signal, onProgress, isWanted: mayGoOn };
    let files = await download(job, control);
    if (isStale) files = await download(job, control);
    if (await isWanted(files)) {
      for (const file of files) await requireWhole(join(incoming, file.name), file, signal);
      const first = files[0]!;
      for (const sha256 of sums) await requireWhole(join(incoming, first.name), { ...first, sha256 }, signal);
      for (const file of files) await rename(join(incoming, file.name), join(directory, file.name));
    }
    return join(directory, files[0]!.name);
  });
}

// An unfinished file of other content would become a mixture of both. True when one was removed: the downloader
// has read its state by then and must begin anew.
async function removeOtherVersion(
  incoming: string,
  note: string,
  files: readonly DownloadedFile[],
): Promise<boolean> {
  const now = JSON.stringify(files.map(({ bytes, sha256, version }) => [bytes, sha256 ?? version]));
  if ((await readFile(note, 'utf8').catch(() => undefined)) === now) return false;
  let isAnyRemoved = false;
  for (const path of files.flatMap(({ name }) => [join(incoming, name), join(incoming, `${name}.ipull`)])) {
    isAnyRemoved ||= await stat(path).then(
      () => true,
      () => false,
    );
    await rm(path, { force: true });
  }
  await writeFile(note, now);
  return isAnyRemoved;
}

async function hasSize(path: string, bytes: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && bytes > 0 && found.size === bytes;
}

async function requireWhole(path: string, file: DownloadedFile, signal?: AbortSignal): Promise<void> {
  try {
    if (file.bytes > 0 && !(await hasSize(path, file.bytes))) {
      throw new DownloadError(`${file.name} is not ${file.bytes} bytes long, as the server said.`);
    }
    await requireSum(path, file.sha256, signal);
  } catch (error) {
    if (error instanceof DownloadError) await rm(path, { force: true });
    throw error;
  }
}

async function requireSum(path: string, expected: string | undefined, signal?: AbortSignal): Promise<void> {
  if (expected === undefined) return;
  const actual = await sha256OfFile(path, signal);
  if (actual === expected.toLowerCase()) return;
  throw new DownloadError(
    `${basename(path)} has the wrong checksum: expected sha256 ${expected.toLowerCase()} but it has ${actual}.`,
  );
}
