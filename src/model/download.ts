// One download in a thread of its own. Knows nothing of caches or of what a model is.
import { Worker } from 'node:worker_threads';
import { DownloadError } from '../errors.js';
import { downloadWorkerSource } from './download-worker.js';
import type { DownloadCommand, DownloadedFile, DownloadJob, DownloadMessage } from './download-worker.js';

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes on disk, those of an earlier call included; never falls. */
  readonly bytes: number;
  /** Bytes of the whole download; 0 where the server does not say. */
  readonly totalBytes: number;
}

/** How a download is watched and ended. */
export interface DownloadControl {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Called once the server has named the files, before the first byte; false ends the download there. */
  readonly isWanted: (files: readonly DownloadedFile[]) => Promise<boolean>;
}

/** Nothing heard from the thread for this long means a dead connection. */
const silenceMs = 60_000;
/** What the thread has to close its files before it is ended. */
const closeMs = 2_000;

/**
 * Downloads the file or files of a model, going on from what an earlier call left in the folder.
 *
 * @returns the files, whether or not they were wanted
 * @throws {DownloadError} when the server refuses, or breaks off too often; what has come is kept
 * @throws `signal.reason` when aborted; what has come is kept
 */
export function download(job: DownloadJob, control: DownloadControl): Promise<readonly DownloadedFile[]> {
  return new Promise((resolve, reject) => {
    const source = downloadWorkerSource(import.meta.resolve('node-llama-cpp'));
    const worker = new Worker(source, { eval: true, workerData: job, stdout: true, stderr: true });
    let files: readonly DownloadedFile[] = [];
    let settle: (() => void) | undefined;
    let numBytes = 0;

    const finish = (outcome: () => void): void => {
      if (settle !== undefined) return;
      settle = outcome;
      worker.postMessage('stop' satisfies DownloadCommand);
      setTimeout(() => void worker.terminate(), closeMs).unref();
    };
    const fail = (reason: string): void =>
      finish(() => reject(new DownloadError(`Could not download ${job.uri}: ${reason}`)));
    const onAbort = (): void => finish(() => reject(control.signal?.reason));
    const silence = setTimeout(() => fail(`nothing came for ${silenceMs / 1000} s`), silenceMs);

    const onMessage = async (message: DownloadMessage): Promise<void> => {
      silence.refresh();
      if (settle !== undefined) return;
      if (message.kind === 'failed') return fail(message.reason);
      if (message.kind === 'done') return finish(() => resolve(files));
      if (message.kind === 'progress') {
        numBytes = Math.max(numBytes, message.bytes);
        return control.onProgress?.({ bytes: numBytes, totalBytes: message.totalBytes });
      }
      files = message.files;
      if (await control.isWanted(files)) worker.postMessage('go' satisfies DownloadCommand);
      else finish(() => resolve(files));
    };
    worker.on('message', (message: DownloadMessage) => {
      onMessage(message).catch((error: unknown) => finish(() => reject(error)));
    });
    worker.on('error', (error) => fail(error.message));
    worker.on('exit', () => {
      clearTimeout(silence);
      control.signal?.removeEventListener('abort', onAbort);
      fail('the download thread ended');
      settle?.();
    });
    if (control.signal?.aborted === true) onAbort();
    control.signal?.addEventListener('abort', onAbort, { once: true });
  });
}
