// Measured costs on disk, for one pair of models on one machine.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { AcceptedCounts } from '../metrics/fading-rates.js';
import type { CostCalibration } from '../cost/round-cost.js';
import { buildDescription } from '../model/build-info.js';
import { cacheFolder } from '../model/cache-folder.js';
import type { Context } from '../model/context.js';
import { listDevices } from '../model/gpu-plugins.js';
import { modelIdentity } from './acceptance-store.js';
import type { CostKeeping } from './kept-cost.js';
import { countsSchema, readLearnt, writeLearnt } from './learnt-file.js';

const ms = z.number().min(0);
const count = z.number().int().min(0);
const fileSchema = z.object({
  version: z.literal(4),
  batches: z.array(z.object({ numTokens: count, contextLength: count, ms })).min(1),
  drafts: z.array(z.object({ numNodes: count, ms })),
  verifications: z.array(z.object({ numNodes: count, ms })).optional(),
  readMsPerToken: ms.optional(),
  sizeChangeMs: ms.optional(),
});

/** What a measurement depends on besides the models. */
export interface CostConditions {
  readonly target: Context;
  readonly draft: Context | undefined;
  /** Of a model between the two. */
  readonly middle?: Context | undefined;
  readonly drafterName: string;
  /** The tree as options give it. */
  readonly tree: string;
  readonly maxNodes: number;
}

/** The file of these conditions on this machine in the user's cache folder. */
export function costPath({ target, draft, middle, drafterName, tree, maxNodes }: CostConditions): string {
  const contexts = [target, draft, ...(middle === undefined ? [] : [middle])].map(
    (context) => context && [modelIdentity(context.model), context.model.placement, context.info],
  );
  const machine = [
    cpus()[0]?.model,
    availableParallelism(),
    listDevices().map(({ description }) => description),
    powerSource(),
    buildDescription(),
  ];
  const key = createHash('sha256')
    .update(JSON.stringify([contexts, drafterName, tree, maxNodes, machine]))
    .digest('hex');
  return join(cacheFolder(), 'cost', `${key.slice(0, 32)}.json`);
}

/** What was measured under these conditions; undefined where nothing was, or the file is damaged. */
export function readCost(path: string): CostCalibration | undefined {
  return readLearnt(path, fileSchema);
}

/**
 * Writes a measurement; the file is whole or as it was before.
 * @returns what has become of it: a folder may be closed to us
 */
export function writeCost(path: string, calibration: CostCalibration): CostKeeping {
  if (calibration.batches.length === 0) return 'unmeasured';
  const content = { version: 4, ...calibration };
  writeLearnt(path, content);
  const written: unknown = JSON.parse(JSON.stringify(content));
  return isDeepStrictEqual(readCost(path), written) ? 'kept' : 'unwritable';
}

const memorySchema = z.object({ version: z.literal(1), kinds: z.record(z.string(), countsSchema) });

/** What guards learnt of acceptance under the conditions of a cost file, by how the target was sampled. */
export function readMemory(path: string): Readonly<Record<string, AcceptedCounts>> {
  return readLearnt(memoryPath(path), memorySchema)?.kinds ?? {};
}

/** Writes what {@link readMemory} reads; the file is whole or as it was before. */
export function writeMemory(path: string, kinds: Readonly<Record<string, AcceptedCounts>>): void {
  writeLearnt(memoryPath(path), { version: 1, kinds });
}

const memoryPath = (path: string): string => path.replace(/\.json$/, '.acceptance.json');

/** Whether the machine runs on mains, where Linux tells: a laptop on its battery computes at another speed. */
function powerSource(folder = '/sys/class/power_supply'): string {
  try {
    return readdirSync(folder)
      .map((name) => join(folder, name, 'online'))
      .map((file) => readOnline(file))
      .join('');
  } catch {
    return '';
  }
}

function readOnline(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
