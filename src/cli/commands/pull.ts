import { stat } from 'node:fs/promises';
import type { CommandModule } from 'yargs';
import { resolveModel } from '../../model/hub.js';
import { byteProgress, sumWithProgress } from '../progress.js';

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
    const progress = byteProgress();
    const path = await resolveModel(model, { directory, sha256, onProgress: progress.show }).finally(
      progress.end,
    );
    if (json) {
      const { size: bytes } = await stat(path);
      console.log(JSON.stringify({ path, bytes, sha256: await sumWithProgress(path) }));
    } else {
      console.log(path);
    }
  },
};
