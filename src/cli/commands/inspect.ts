import type { CommandModule } from 'yargs';
import { VocabMismatchError } from '../../errors.js';
import { resolveModel } from '../../model/hub.js';
import { estimateMemory, loadModel } from '../../model/load-model.js';
import type { Model } from '../../model/model.js';
import { requireSameVocabulary } from '../../model/vocabulary.js';
import type { GpuChoice } from '../../model/gpu-plugins.js';
import { numberValue } from '../option-values.js';
import { byteProgress } from '../progress.js';

interface InspectArguments {
  target: string;
  draft: string | undefined;
  gpu: GpuChoice;
  'context-size': number | undefined;
  metadata: boolean;
  json: boolean;
}

/** What inspect tells about one model. */
interface ModelReport {
  readonly path: string;
  readonly description: string;
  readonly architecture: string;
  readonly parameters: number;
  /** Name of the model whose function this one computes at a larger cost; null for a model of its own. */
  readonly inflatedFrom: string | null;
  readonly fileBytes: number;
  readonly layers: number;
  readonly embeddingSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly slidingWindow: number;
  readonly trainContextSize: number;
  readonly vocabSize: number;
  readonly hasChatTemplate: boolean;
  /** What the memory of the model can undo: all, a bounded number of tokens, nothing. */
  readonly rollback: 'full' | 'bounded' | 'none';
  readonly canBranch: boolean;
  readonly memory: Awaited<ReturnType<typeof estimateMemory>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What inspect tells about a pair. */
interface PairReport {
  readonly sameVocabulary: boolean;
  readonly vocabularyDifference: string | null;
  /** Draft parameters over target parameters. */
  readonly sizeRatio: number;
  readonly memoryBytes: number;
  readonly canSpeculate: boolean;
}

/** `outrider inspect <target> [draft]`: what a GGUF is, what a pair of them can do together. */
export const inspectCommand: CommandModule<object, InspectArguments> = {
  command: 'inspect <target> [draft]',
  describe: 'What a GGUF is, what a pair of them can do together',
  builder: (parser) =>
    parser
      .positional('target', { type: 'string', demandOption: true, describe: 'Model' })
      .positional('draft', { type: 'string', describe: 'Draft model' })
      .options({
        gpu: {
          choices: ['auto', 'off', 'cuda', 'metal', 'vulkan'] as const,
          default: 'auto',
          describe: 'Device',
        },
        'context-size': {
          type: 'string',
          requiresArg: true,
          coerce: numberValue('context-size'),
          describe: 'Tokens of the memory estimate',
        },
        metadata: { type: 'boolean', default: false, describe: 'Print the metadata of the file too' },
        json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
      }) as never,
  handler: async (args) => {
    const references = args.draft === undefined ? [args.target] : [args.target, args.draft];
    const models: Model[] = [];
    try {
      for (const reference of references) models.push(await load(reference, args));
      const reports = [];
      for (const model of models) reports.push(await describeModel(model, args));
      const pair = models.length === 2 ? describePair(models, reports) : undefined;
      if (args.json) console.log(JSON.stringify({ models: reports, ...(pair && { pair }) }));
      else print(reports, pair);
    } finally {
      for (const model of models) model.dispose();
    }
  },
};

async function load(reference: string, args: InspectArguments): Promise<Model> {
  const progress = byteProgress();
  const path = await resolveModel(reference, { onProgress: progress.show }).finally(progress.end);
  return loadModel(path, { gpu: args.gpu, gpuLayers: 0 });
}

async function describeModel(model: Model, args: InspectArguments): Promise<ModelReport> {
  const { info, path } = model;
  const context = await model.createContext({ contextSize: 64, batchSize: 32 });
  const { rollback, maxLeaves } = context.info;
  context.dispose();
  return {
    path,
    description: info.description,
    architecture: info.architecture,
    parameters: info.numParameters,
    inflatedFrom: model.metadata['outrider.inflated_from'] ?? null,
    fileBytes: info.sizeBytes,
    layers: info.numLayers,
    embeddingSize: info.embeddingSize,
    heads: info.numHeads,
    kvHeads: info.numKvHeads,
    slidingWindow: info.slidingWindow,
    trainContextSize: info.trainContextSize,
    vocabSize: info.vocabSize,
    hasChatTemplate: info.chatTemplate !== '',
    rollback,
    canBranch: rollback === 'full' && maxLeaves > 1,
    memory: await estimateMemory(path, { gpu: args.gpu, context: { contextSize: args['context-size'] } }),
    ...(args.metadata && { metadata: model.metadata }),
  };
}

function describePair(models: readonly Model[], reports: readonly ModelReport[]): PairReport {
  const [target, draft] = models as [Model, Model];
  let difference: string | null = null;
  try {
    requireSameVocabulary(target, draft);
  } catch (error) {
    if (!(error instanceof VocabMismatchError)) throw error;
    difference = error.message;
  }
  const memory = reports.flatMap((report) => report.memory);
  return {
    sameVocabulary: difference === null,
    vocabularyDifference: difference,
    sizeRatio: draft.info.numParameters / target.info.numParameters,
    memoryBytes: memory.reduce(
      (sum, { modelBytes, contextBytes, computeBytes }) => sum + modelBytes + contextBytes + computeBytes,
      0,
    ),
    canSpeculate: difference === null && reports[0]!.rollback !== 'none',
  };
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function print(reports: readonly ModelReport[], pair: PairReport | undefined): void {
  for (const report of reports) {
    const rows: [string, string][] = [
      ['model', `${report.description} (${report.architecture})`],
      ['parameters', `${(report.parameters / 1e6).toFixed(2)} M in ${mebibytes(report.fileBytes)}`],
      ...(report.inflatedFrom === null
        ? []
        : [['inflated', `says what ${report.inflatedFrom} says, at a larger cost`] as [string, string]]),
      [
        'layers',
        `${report.layers}, width ${report.embeddingSize}, ${report.heads} heads, ${report.kvHeads} KV heads`,
      ],
      [
        'context',
        `${report.trainContextSize} tokens trained${report.slidingWindow > 0 ? `, window ${report.slidingWindow}` : ''}`,
      ],
      [
        'vocabulary',
        `${report.vocabSize} tokens, ${report.hasChatTemplate ? 'with' : 'without'} chat template`,
      ],
      ['speculation', abilities(report)],
      ...report.memory.map(({ device, modelBytes, contextBytes, computeBytes }): [string, string] => [
        `memory ${device}`,
        `${mebibytes(modelBytes)} weights, ${mebibytes(contextBytes)} context, ${mebibytes(computeBytes)} work space`,
      ]),
      ...Object.entries(report.metadata ?? {}),
    ];
    console.log(report.path);
    for (const [name, value] of rows) console.log(`  ${name.padEnd(12)} ${value}`);
  }
  if (pair === undefined) return;
  console.log('pair');
  console.log(`  ${'vocabulary'.padEnd(12)} ${pair.vocabularyDifference ?? 'the same'}`);
  console.log(`  ${'draft size'.padEnd(12)} ${(100 * pair.sizeRatio).toFixed(1)} % of the target`);
  console.log(`  ${'memory'.padEnd(12)} ${mebibytes(pair.memoryBytes)} together`);
  console.log(`  ${'speculation'.padEnd(12)} ${pair.canSpeculate ? 'yes' : 'not with a draft model'}`);
}

function abilities({ rollback, canBranch }: ModelReport): string {
  if (rollback === 'none') return 'none: its state cannot go back';
  return canBranch ? 'chains and trees' : 'chains: its state goes back a few tokens and cannot branch';
}
