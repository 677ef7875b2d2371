import { readFileSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { calibrateSparse, type SparseCalibration } from '../../engine/calibrate-sparse.js';
import { calibrationPath, writeCalibration } from '../../engine/calibration-file.js';
import { createEngine } from '../../engine/engine.js';
import type { GpuChoice } from '../../model/gpu-plugins.js';
import { resolveModel } from '../../model/hub.js';
import { loadModel } from '../../model/load-model.js';
import type { Model } from '../../model/model.js';
import type { TokenId } from '../../types.js';
import { numberValue } from '../option-values.js';
import { byteProgress, shareProgress } from '../progress.js';
import { textTable } from '../../metrics/text-table.js';

interface CalibrateArguments {
  target: string;
  text: string[] | undefined;
  tokens: number;
  'batch-tokens': number;
  threads: number | undefined;
  gpu: GpuChoice;
  output: string | undefined;
  json: boolean;
}

/** Own texts where none are given, and how much longer than the budget. */
const ownTexts = 2;
const ownLength = 4;
/** A block of channels is left out where all tokens of a batch can do without; fewer are not worth a look. */
const smallestShare = 0.05;

/** `outrider calibrate <target>`: anchors and thresholds for sparse verification of a model. */
export const calibrateCommand: CommandModule<object, CalibrateArguments> = {
  command: 'calibrate <target>',
  describe: 'Anchors and thresholds for sparse verification of a model',
  builder: (parser) =>
    parser
      .positional('target', { type: 'string', demandOption: true, describe: 'Model' })
      .options({
        text: {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'A long text to calibrate with; repeatable; default what the model itself writes',
        },
        tokens: {
          type: 'string',
          requiresArg: true,
          default: '1024',
          coerce: numberValue('tokens') as never,
          describe: 'Tokens of the context that attention is to read',
        },
        'batch-tokens': {
          type: 'string',
          requiresArg: true,
          default: '8',
          coerce: numberValue('batch-tokens') as never,
          describe: 'Tokens of a verification batch',
        },
        threads: {
          type: 'string',
          requiresArg: true,
          coerce: numberValue('threads') as never,
          describe: 'CPU threads',
        },
        gpu: {
          choices: ['auto', 'off', 'cuda', 'metal', 'vulkan'] as const,
          default: 'auto',
          describe: 'Device',
        },
        output: { type: 'string', requiresArg: true, describe: 'File to write; default beside the model' },
        json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
      })
      .example('$0 calibrate model.gguf --text book.txt', '') as never,
  handler: async (args) => {
    const download = byteProgress();
    const path = await resolveModel(args.target, { onProgress: download.show }).finally(download.end);
    const model = await loadModel(path, { gpu: args.gpu });
    try {
      const texts = await textsOf(model, args);
      const calibration = await calibrate(model, texts, args);
      const output = args.output ?? calibrationPath(model);
      writeCalibration(output, model, calibration);
      if (args.json) console.log(JSON.stringify({ path: output, ...calibration }));
      else print(calibration, output);
    } finally {
      model.dispose();
    }
  },
};

async function calibrate(
  model: Model,
  texts: readonly (readonly TokenId[])[],
  args: CalibrateArguments,
): Promise<SparseCalibration> {
  const progress = shareProgress('Calibrating');
  const contextSize = Math.max(...texts.map(({ length }) => length)) + args['batch-tokens'];
  const context = await model.createContext({ contextSize, threads: args.threads, flashAttention: 'on' });
  try {
    return await calibrateSparse(context, {
      texts,
      tokens: args.tokens,
      batchTokens: args['batch-tokens'],
      onProgress: (done, total) => progress.show(done / total),
    });
  } finally {
    progress.end();
    context.dispose();
  }
}

async function textsOf(model: Model, args: CalibrateArguments): Promise<TokenId[][]> {
  if (args.text !== undefined) {
    return args.text.map((path) => [...model.tokenizer.encode(readFileSync(path, 'utf8'))]);
  }
  const length = ownLength * (args.tokens + args['batch-tokens']);
  const progress = shareProgress('Writing a text');
  const context = { contextSize: length, threads: args.threads };
  const engine = await createEngine({ target: model, drafter: 'none', context });
  try {
    const texts: TokenId[][] = [];
    for (let seed = 0; seed < ownTexts; seed++) {
      const prompt = model.tokenizer.encode('The');
      const options = { maxTokens: length - prompt.length, seed, ignoreEos: true };
      let done = 0;
      for await (const event of engine.generate(prompt, options)) {
        if (event.type === 'token') progress.show((seed + ++done / length) / ownTexts);
        if (event.type === 'done') texts.push([...prompt, ...event.result.tokens]);
      }
    }
    return texts;
  } finally {
    progress.end();
    await engine.dispose();
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const shades = ' .:-=+*#%@';

function print(calibration: SparseCalibration, path: string): void {
  const { anchors, overlap, thresholds, channels, shares, skipped, batches, batchTokens, tokens } =
    calibration;
  console.log(`${batches} batches of ${batchTokens} tokens, ${tokens} tokens of the context read`);
  if (overlap.layers.length > 0) {
    console.log(`\nLayers that choose blocks for themselves: ${anchors.join(', ')}`);
    console.log('How alike two layers choose, from 0 (blank) to 1 (@):');
    const width = String(overlap.layers.at(-1)).length;
    for (const [index, row] of overlap.similarity.entries()) {
      const line = row.map((share) => shades[Math.round(share * (shades.length - 1))]).join('');
      console.log(`  ${String(overlap.layers[index]).padStart(width)} ${line}`);
    }
  }
  if (channels.length > 0) {
    console.log(
      '\nChannels whose gate activation is below a threshold: of a token, of all tokens of a batch, in blocks',
    );
    const head = ['layer', ...thresholds.map((threshold) => `below ${threshold}`)];
    const rows = channels.map(({ layer, perToken, perBatch, perBlocks }) => [
      String(layer),
      ...thresholds.map(
        (_, index) =>
          `${percent(perToken[index]!)}, ${percent(perBatch[index]!)}, ${percent(perBlocks[index]!)}`,
      ),
    ]);
    for (const line of textTable([head, ...rows])) console.log(`  ${line}`);
    const best = Math.max(...channels.flatMap(({ perBlocks }) => perBlocks));
    if (best < smallestShare) {
      console.log('  Too few for a batch to leave any out: the feed-forward part stays dense.');
    }
  }
  if (shares !== undefined) {
    console.log('\nMedian share of the lightest experts in the weights of a token');
    const head = ['layer', ...shares[0]!.map((_, index) => `${index + 1} lightest`)];
    const rows = shares.map((row, layer) => [String(layer), ...row.map(percent)]);
    for (const line of textTable([head, ...rows])) console.log(`  ${line}`);
    const means = skipped?.map((mean, index) => `${mean.toFixed(2)} with --sparse-experts ${index + 1}`);
    if (means !== undefined) console.log(`Experts that a token skips on average: ${means.join(', ')}`);
  }
  console.log(`\nWritten to ${path}`);
}
