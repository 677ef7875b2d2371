// Progress on stderr: a bar in a terminal, a few lines elsewhere.
import { basename } from 'node:path';
import cliProgress from 'cli-progress';
import type { BenchProgress } from '../bench/run-bench.js';
import type { DownloadProgress } from '../model/download.js';
import { sha256OfFile } from '../model/file-checksum.js';

/** A view of something under way. */
export interface ProgressView<T> {
  readonly show: (progress: T) => void;
  readonly end: () => void;
}

const inMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
/** A bar for what is over in a moment would only flicker. */
const patienceMs = 800;

/** Bytes of a download. */
export function byteProgress(): ProgressView<DownloadProgress> {
  return process.stderr.isTTY ? byteBar() : byteLines();
}

/** A share in [0, 1]; shown in a terminal only, and only when it takes a while. */
export function shareProgress(label: string): ProgressView<number> {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined };
  const startedAt = performance.now();
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: `${label} {bar} {percentage} %`,
    hideCursor: true,
    clearOnComplete: true,
  });
  return {
    show: (share) => {
      if (!bar.isActive && performance.now() - startedAt > patienceMs) bar.start(1, share);
      if (bar.isActive) bar.update(share);
    },
    end: () => bar.stop(),
  };
}

/** SHA-256 of a file, which takes seconds of a large one. */
export async function sumWithProgress(path: string): Promise<string> {
  const progress = shareProgress(`SHA-256 of ${basename(path)}`);
  return sha256OfFile(path, undefined, progress.show).finally(progress.end);
}

function byteBar(): ProgressView<DownloadProgress> {
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: '{bar} {percentage} % | {value} of {total} MB | {eta_formatted} left',
    formatValue: (value, _options, type) =>
      type === 'value' || type === 'total' ? inMegabytes(value) : String(value),
    hideCursor: true,
  });
  return {
    show: ({ bytes, totalBytes }) => {
      if (!bar.isActive) bar.start(totalBytes, bytes);
      bar.setTotal(totalBytes);
      bar.update(bytes);
    },
    end: () => bar.stop(),
  };
}

/** A line at the start and whenever another tenth is done. */
function byteLines(): ProgressView<DownloadProgress> {
  let shownTenths = -1;
  return {
    show: ({ bytes, totalBytes }) => {
      const numTenths = totalBytes > 0 ? Math.floor((10 * bytes) / totalBytes) : 0;
      if (numTenths <= shownTenths) return;
      shownTenths = numTenths;
      const total = totalBytes > 0 ? ` of ${inMegabytes(totalBytes)}` : '';
      console.error(`${numTenths * 10} % | ${inMegabytes(bytes)}${total} MB`);
    },
    end: () => undefined,
  };
}

/** Pairs of answers of a benchmark, with the time that is left; elsewhere than in a terminal a line a trial. */
export function pairProgress(): ProgressView<BenchProgress> {
  return process.stderr.isTTY ? pairBar() : trialLines();
}

function pairBar(): ProgressView<BenchProgress> {
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: '{bar} {value} of {total} answers | {eta_formatted} left | {trial}',
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 50,
  });
  return {
    show: ({ trial, numDone, numPairs }) => {
      if (!bar.isActive) bar.start(numPairs, numDone, { trial });
      bar.update(numDone, { trial });
    },
    end: () => bar.stop(),
  };
}

function trialLines(): ProgressView<BenchProgress> {
  let shown: string | undefined;
  return {
    show: ({ trial, numDone, numPairs }) => {
      if (trial === shown) return;
      shown = trial;
      console.error(`${numDone} of ${numPairs} answers | ${trial}`);
    },
    end: () => undefined,
  };
}
