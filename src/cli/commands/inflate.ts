import type { CommandModule } from 'yargs';
import { inflateModel, type InflatedTensorType } from '../../gguf/inflate.js';
import { resolveModel } from '../../model/hub.js';
import { parameterCount, UsageError } from '../option-values.js';
import { byteProgress, shareProgress } from '../progress.js';

interface InflateArguments {
  source: string;
  destination: string;
  parameters: number | undefined;
  type: InflatedTensorType;
  json: boolean;
}

/** `outrider inflate <source> <destination>`: the same model at the cost of a larger one, for benchmarks. */
export const inflateCommand: CommandModule<object, InflateArguments> = {
  command: 'inflate <source> <destination>',
  describe: 'The same model at the cost of a larger one, for benchmarks',
  builder: (parser) =>
    parser
      .positional('source', {
        type: 'string',
        demandOption: true,
        describe: 'A dense llama-architecture model',
      })
      .positional('destination', { type: 'string', demandOption: true, describe: 'The file to write' })
      .options({
        parameters: {
          type: 'string',
          requiresArg: true,
          coerce: parameterCount as never,
          describe: 'Weights in all, such as 300M; met to about 2 %',
        },
        type: {
          choices: ['f32', 'f16', 'q8_0', 'q4_0'],
          default: 'f16',
          describe: 'Type of the matrices; f32 and f16 say the same as the source',
        },
        json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
      })
      .example('$0 inflate model.gguf large.gguf --parameters 1B', '') as never,
  handler: async ({ source, destination, parameters, type, json }) => {
    if (parameters === undefined) throw new UsageError('Expected --parameters N, such as 300M');
    const download = byteProgress();
    const path = await resolveModel(source, { onProgress: download.show }).finally(download.end);
    const progress = shareProgress('Writing');
    try {
      const model = inflateModel(path, destination, {
        parameters,
        tensorType: type,
        onProgress: progress.show,
      });
      if (json) console.log(JSON.stringify({ path: destination, ...model }));
      else console.log(destination);
      console.error(
        `${(model.parameters / 1e6).toFixed(0)} M parameters: ${model.layers} layers, width ${model.width}, ` +
          `${model.heads} heads; says what ${source} says`,
      );
    } finally {
      progress.end();
    }
  },
};
