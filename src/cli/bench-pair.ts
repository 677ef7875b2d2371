// The models that a benchmark runs on, as files.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { inflateModel } from '../gguf/inflate.js';
import { targetOf } from './bench-plan.js';
import type { EngineArguments } from './engine-options.js';
import { demoModel, modelPaths, resolved } from './models.js';
import { shareProgress } from './progress.js';

/** Of the demo target where nothing else is asked for. */
const defaultParameters = 2e8;

/** Paths and what to call them; `close` removes what was made for the run. */
export interface BenchPair {
  readonly targetPath: string;
  readonly targetDescription: string;
  readonly draftPath: string | undefined;
  readonly draftDescription: string;
  /** Paths of the middle models, by what they were asked for as. */
  readonly middlePaths: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/**
 * Finds the models that are asked for; without any, the demo pair, its target at the cost of a model of `parameters`, for
 * it is tiny by itself.
 * @param middles  middle models of methods
 */
export async function openPair(
  args: Pick<EngineArguments, 'target' | 'draft' | 'drafter'> & { readonly parameters: number | undefined },
  workloads: readonly string[],
  middles: readonly string[] = [],
): Promise<BenchPair> {
  const own = args.target === undefined ? targetOf(workloads) : undefined;
  const { target: targetPath, draft: draftPath } = await modelPaths({
    ...args,
    ...{ drafter: undefined, middle: undefined },
    target: args.target ?? own,
    draft: args.draft ?? (own === undefined ? undefined : demoModel('draft')),
  });
  const middlePaths = new Map<string, string>();
  for (const reference of middles) middlePaths.set(reference, await resolved(reference));
  const named = (path: string | undefined): string => (path === undefined ? '' : basename(path));
  const pair = {
    ...{
      targetPath,
      targetDescription: named(targetPath),
      draftPath,
      draftDescription: named(draftPath),
      middlePaths,
    },
    close: () => Promise.resolve(),
  };
  return args.target === undefined && own === undefined
    ? inflated(pair, args.parameters ?? defaultParameters)
    : pair;
}

async function inflated(pair: BenchPair, parameters: number): Promise<BenchPair> {
  const folder = await mkdtemp(join(tmpdir(), 'outrider-bench-'));
  const close = (): Promise<void> => rm(folder, { recursive: true });
  const path = join(folder, 'target.gguf');
  const progress = shareProgress('Inflating the target');
  try {
    inflateModel(demoModel('target'), path, { parameters, tensorType: 'f16', onProgress: progress.show });
  } catch (error) {
    await close();
    throw error;
  } finally {
    progress.end();
  }
  const size = `${(parameters / 1e6).toFixed(0)} M parameters`;
  return {
    ...pair,
    targetPath: path,
    targetDescription: `demo target, inflated to the cost of ${size}`,
    close,
  };
}
