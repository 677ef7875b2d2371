import { stat } from 'node:fs/promises';
import cliProgress from 'cli-progress';
import type { CommandModule } from 'yargs';
import type { DownloadProgress } from '../../model/download.js';
import { sha256OfFile } from '../../model/file-checksum.js';
import { resolveModel } from '../../model/hub.js';

interface PullArguments {
  model: string;
  directory: string | undefined;
  sha256: string | undefined;
  json: boolean;
}

/** `outrider pull <model>`: downloads a model once and prints its local path; progress goes to stderr. */
export const pullCommand: CommandModule<object, PullArguments> = {
  command: 'pull <model>',
  describe: 'Download a model and print where it is',
  builder: (yargs) =>
    yargs
      .positional('model', {
        type: 'string',
        demandOption: true,
        describe: 'hf:user/repo:quant, hf:user/repo/file.gguf, an https address, or a path',
      })
      .option('directory', {
        type: 'string',
        requiresArg: true,
        describe: 'Cache folder (default: OUTRIDER_MODELS, else the cache of the platform)',
      })
      .option('sha256', {
        type: 'string',
        requiresArg: true,
        describe: 'Checksum that the file must have, 64 hex digits',
      })
      .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object' }),
  handler: async ({ model, directory, sha256, json }) => {
    const progress = process.stderr.isTTY ? progressBar() : progressLines();
    const path = await resolveModel(model, { directory, sha256, onProgress: progress.show }).finally(
      progress.end,
    );
    if (json) {
      const { size: bytes } = await stat(path);
      console.log(JSON.stringify({ path, bytes, sha256: await sha256OfFile(path) }));
    } else {
      console.log(path);
    }
  },
};

interface ProgressView {
  readonly show: (progress: DownloadProgress) => void;
  readonly end: () => void;
}

const inMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

function progressBar(): ProgressView {
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
function progressLines(): ProgressView {
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
