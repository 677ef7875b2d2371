// What runs in the download thread. The library keeps retrying for minutes, goes on after an abort, and lets one
// refused range end the process; in a thread of its own all of that ends with the thread.
import type * as NodeLlamaCpp from 'node-llama-cpp';
import type { MessagePort } from 'node:worker_threads';

/** What to download. Plain data: it crosses to another thread. */
export interface DownloadJob {
  /** `hf:` or `https:` address. */
  readonly uri: string;
  /** Folder for the file and its unfinished part; created where missing. */
  readonly directory: string;
  /** Name of the file in `directory`; undefined lets the library name it. */
  readonly fileName: string | undefined;
  /** How often one range may break off and be asked for again. */
  readonly maxRetries: number;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Access token of the hub; undefined lets the library look in `HF_TOKEN` and the hub's token file. */
  readonly token: string | undefined;
}

/** One file of a model; a split model has several. */
export interface DownloadedFile {
  readonly name: string;
  /** Size by the server, in bytes; 0 where it does not say. */
  readonly bytes: number;
  /** 64 lower-case hex digits by the server; undefined where it does not say. */
  readonly sha256: string | undefined;
  /** Its `etag`, else its date, by the server: changes with the content; undefined where it does not say. */
  readonly version: string | undefined;
}

/** Posted by the download thread; `found` comes before any byte and waits for `go`, the last two end the work. */
export type DownloadMessage =
  | { readonly kind: 'progress'; readonly bytes: number; readonly totalBytes: number }
  | { readonly kind: 'found'; readonly files: readonly DownloadedFile[] }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Posted to the download thread. */
export type DownloadCommand = 'go' | 'stop';

// The functions below run from their source text: each may use its arguments, globals and the others, no import.

/** The sum that the hub gives in a redirect, which a request that follows redirects never sees. */
async function linkedSha256(
  fetchPlain: typeof fetch,
  address: URL,
  headers: Headers,
): Promise<string | undefined> {
  let next = address;
  for (let numHops = 0; numHops < 5; numHops += 1) {
    const response = await fetchPlain(next, { method: 'HEAD', headers, redirect: 'manual' });
    const sum = response.headers.get('x-linked-etag')?.replaceAll('"', '').toLowerCase();
    if (sum !== undefined) return /^[0-9a-f]{64}$/.test(sum) ? sum : undefined;
    next = new URL(response.headers.get('location') ?? next, next);
    if (next.href === address.href || next.origin !== address.origin) return undefined;
  }
  return undefined;
}

/** What the server said of one file before its download. */
interface FileFacts {
  readonly sha256: string | undefined;
  readonly version: string | undefined;
}

/** Replaces the thread's `fetch` by one that bounds retries, remembers why it failed, and collects facts. */
function watchRequests(maxRetries: number, giveUp: (reason: string) => void): Map<string, FileFacts> {
  const fetchPlain = globalThis.fetch;
  const numRequests = new Map<string, number>();
  const facts = new Map<string, FileFacts>();
  let failure = 'the connection broke off';
  globalThis.fetch = async (input, init) => {
    const address = new URL(String(input));
    const where = address.origin + address.pathname;
    const headers = new Headers(init?.headers);
    const isInfo = !headers.has('range') && headers.get('accept-encoding') === 'identity';
    const key = [address.href, headers.get('range'), headers.has('authorization'), isInfo].join(' ');
    const count = (numRequests.get(key) ?? 0) + 1;
    numRequests.set(key, count);
    if (count > maxRetries + 1) {
      giveUp(`${failure}, ${count - 1} times`);
      return new Promise<never>(() => undefined);
    }
    try {
      const sha256 = isInfo ? await linkedSha256(fetchPlain, address, headers) : undefined;
      const response = await fetchPlain(input, init);
      const version = response.headers.get('etag') ?? response.headers.get('last-modified') ?? undefined;
      if (isInfo && response.ok) facts.set(decodeURIComponent(address.pathname), { sha256, version });
      failure = response.ok
        ? `the connection to ${where} broke off`
        : `HTTP ${response.status} from ${where}`;
      return response;
    } catch (error) {
      const { message, cause } = error as Error;
      failure = `no answer from ${where} (${cause instanceof Error ? cause.message : message})`;
      throw error;
    }
  };
  return facts;
}

/** Pairs every file with its facts: the only ones, or those of the same part number. */
function withFacts(
  files: readonly { fileName: string; totalSize: number }[],
  facts: Map<string, FileFacts>,
): DownloadedFile[] {
  const part = /-\d{5}-of-\d{5}\.gguf$/;
  return files.map(({ fileName: name, totalSize: bytes }) => {
    const suffix = files.length > 1 ? part.exec(name)?.[0] : '';
    const own = [...facts].filter(([path]) => suffix !== undefined && path.endsWith(suffix));
    const { sha256, version } = (own.length === 1 ? own[0]?.[1] : undefined) ?? {};
    return { name, bytes, sha256, version };
  });
}

/** The thread: finds the files, waits for `go`, downloads them; `stop` closes what is open and keeps it. */
async function runDownload(
  library: Promise<typeof NodeLlamaCpp>,
  port: MessagePort,
  job: DownloadJob,
): Promise<void> {
  const post = (message: DownloadMessage): void => port.postMessage(message);
  let downloader: NodeLlamaCpp.ModelDownloader | undefined;
  let go = (): void => undefined;
  const mayStart = new Promise<void>((resolve) => (go = resolve));
  port.on('message', async (command: DownloadCommand) => {
    if (command === 'go') return go();
    await downloader?.cancel({ deleteTempFile: false });
    process.exit();
  });
  const facts = watchRequests(job.maxRetries, (reason) => post({ kind: 'failed', reason }));
  try {
    const { createModelDownloader } = await library;
    downloader = await createModelDownloader({
      modelUri: job.uri,
      dirPath: job.directory,
      fileName: job.fileName,
      headers: job.headers,
      tokens: job.token === undefined ? undefined : { huggingFace: job.token },
      deleteTempFileOnCancel: false,
      onProgress: ({ downloadedSize: bytes, totalSize: totalBytes }) =>
        post({ kind: 'progress', bytes, totalBytes }),
    });
    post({ kind: 'found', files: withFacts(downloader.filesInfo, facts) });
    await mayStart;
    await downloader.download();
    post({ kind: 'done' });
  } catch (error) {
    const { message, statusCode, url } = error as Error & { statusCode?: number; url?: string };
    // A download address may carry a signature in its query, which has no place in a message.
    const where = URL.canParse(url ?? '') ? new URL(url!).origin + new URL(url!).pathname : url;
    post({ kind: 'failed', reason: statusCode === undefined ? message : `HTTP ${statusCode} from ${where}` });
  }
}

/**
 * JavaScript of the download thread, for `new Worker(source, { eval: true, workerData: job })`. It loads the
 * library itself and speaks {@link DownloadMessage} and {@link DownloadCommand}.
 *
 * @param libraryUrl  `file:` address of node-llama-cpp's entry
 */
export function downloadWorkerSource(libraryUrl: string): string {
  return [
    "const { parentPort, workerData } = require('node:worker_threads');",
    linkedSha256,
    watchRequests,
    withFacts,
    runDownload,
    `runDownload(import(${JSON.stringify(libraryUrl)}), parentPort, workerData);`,
  ].join('\n');
}
