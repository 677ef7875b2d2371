// From the command line's model references to loaded models.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createEngine, type Engine } from '../engine/engine.js';
import type { EngineOptions } from '../engine/options.js';
import { resolveModel } from '../model/hub.js';
import { loadModels } from '../model/load-model.js';
import { setLogHandler } from '../model/log.js';
import type { Model } from '../model/model.js';
import { contextOptionsOf, gpuLayersOf, type EngineArguments } from './engine-options.js';
import { UsageError } from './option-values.js';
import { byteProgress, shareProgress } from './progress.js';

const shipped = (path: string): string => fileURLToPath(new URL(`../../models/${path}`, import.meta.url));

/** Path of a demo model. */
export const demoModel = (name: 'target' | 'draft' | 'experts'): string => shipped(`demo/${name}.gguf`);

/** Folder of the held-out prompts of the demo models. */
export const demoTasks = shipped('eval/');

/** A target and, where they are wanted, a draft model and one between the two. */
export interface LoadedModels {
  readonly target: Model;
  readonly draft: Model | undefined;
  readonly middle: Model | undefined;
}

/** Paths of the models that are asked for. */
export interface ModelPaths {
  readonly target: string;
  readonly middle?: string | undefined;
  readonly draft?: string | undefined;
}

/** Paths of the models that the arguments name; without a target, those of the demo pair. */
export async function modelPaths(
  args: Pick<EngineArguments, 'target' | 'draft' | 'drafter'> & { readonly middle?: string | undefined },
): Promise<ModelPaths> {
  const wantsDraft = args.drafter?.includes('model') ?? true;
  if (args.drafter?.includes('model') === true && args.target !== undefined && args.draft === undefined) {
    throw new UsageError('Expected --draft D.gguf with --drafter model');
  }
  if (args.target === undefined && !existsSync(demoModel('target'))) {
    throw new UsageError('Expected --target T.gguf: this installation has no demo models');
  }
  const target = args.target ?? demoModel('target');
  const draft = args.draft ?? (args.target === undefined ? demoModel('draft') : undefined);
  return {
    target: await resolved(target),
    middle: args.middle && (await resolved(args.middle)),
    draft: wantsDraft && draft !== undefined ? await resolved(draft) : undefined,
  };
}

/** The path of a model that is given as a path, as `hf:` or as an address; what is downloaded shows its progress. */
export async function resolved(reference: string): Promise<string> {
  const progress = byteProgress();
  return resolveModel(reference, { onProgress: progress.show }).finally(progress.end);
}

/** Loads what the arguments ask for; progress goes to stderr. */
export async function loadModelsOf(args: EngineArguments & { verbose?: boolean }): Promise<LoadedModels> {
  if (args.verbose === true)
    setLogHandler((level, text) => process.stderr.write(`${level}: ${text}`), 'info');
  const paths = await modelPaths(args);
  const progress = shareProgress('Loading');
  const given = [paths.target, paths.middle, paths.draft].filter((path) => path !== undefined);
  const models = await loadModels(given, {
    gpu: args.gpu,
    gpuLayers: gpuLayersOf(args),
    repackWeights: args['sparse-ffn'] === undefined,
    context: contextOptionsOf(args),
    onProgress: progress.show,
  }).finally(progress.end);
  const target = models[0]!;
  if (target.gpuLayers !== 0) console.error(`Placement: ${target.placement}`);
  return {
    target,
    middle: paths.middle === undefined ? undefined : models[1],
    draft: paths.draft === undefined ? undefined : models.at(-1),
  };
}

/** An engine, with a line on stderr when its KV cache is not where the layers are. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const progress = shareProgress('Measuring costs');
  const engine = await createEngine({ ...options, onMeasure: progress.show }).finally(progress.end);
  for (const note of engine.notes) console.error(note);
  if (options.target.gpuLayers !== 0 && !engine.sequence.context.info.offloadsKv) {
    console.error(
      'The device has no room for the KV cache: it lies in main memory. A smaller --context-size helps.',
    );
  }
  return engine;
}
