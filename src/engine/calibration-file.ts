// Calibrations of sparse verification on disk, beside the model they belong to.
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { CalibrationError } from '../errors.js';
import type { Model } from '../model/model.js';
import { writeWholeFile } from '../model/whole-file.js';
import type { SparseCalibration } from './calibrate-sparse.js';

const layer = z.number().int().min(0);
const share = z.number().min(0).max(1);
const modelSchema = z.object({
  architecture: z.string(),
  parameters: z.number(),
  layers: z.number().int(),
  sizeBytes: z.number(),
  name: z.string(),
});
const calibrationSchema = z.object({
  batches: z.number().int().min(1),
  batchTokens: z.number().int().min(1),
  tokens: z.number().int().min(1),
  blockSize: z.number().int().min(4),
  anchors: z.array(layer).min(1),
  overlap: z.object({ layers: z.array(layer), similarity: z.array(z.array(share)) }),
  shares: z.array(z.array(share)).optional(),
  skipped: z.array(z.number().min(0)).optional(),
  thresholds: z.array(z.number()),
  channels: z.array(
    z.object({
      layer,
      perToken: z.array(share),
      perBatch: z.array(share),
      perBlocks: z.array(share),
    }),
  ),
});
const fileSchema = z.object({ version: z.literal(2), model: modelSchema, calibration: calibrationSchema });

/** Where the calibration of a model lies. */
export function calibrationPath(model: Model): string {
  return `${model.path}.sparse.json`;
}

/** Writes a calibration; the file is whole or as it was before. */
export function writeCalibration(path: string, model: Model, calibration: SparseCalibration): void {
  const file = { version: 2, model: identify(model), calibration };
  try {
    writeWholeFile(path, `${JSON.stringify(file)}\n`);
  } catch (error) {
    throw new CalibrationError(`The calibration could not be written to ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Reads what {@link writeCalibration} wrote.
 * @throws {CalibrationError} when there is none, it is damaged, or it is of another model
 */
export function readCalibration(path: string, model: Model): SparseCalibration {
  const hint = `Make a new one: outrider calibrate ${model.path}`;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CalibrationError(`${path} could not be read: ${messageOf(error)}. ${hint}`, { cause: error });
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    throw new CalibrationError(
      `Expected a calibration in ${path}: ${z.prettifyError(parsed.error)}. ${hint}`,
    );
  }
  const [expected, received] = [identify(model), parsed.data.model];
  for (const key of Object.keys(expected) as (keyof typeof expected)[]) {
    if (expected[key] === received[key]) continue;
    throw new CalibrationError(
      `${path} is the calibration of another model: expected ${key} ${expected[key]} but received ${received[key]}. ${hint}`,
    );
  }
  return parsed.data.calibration;
}

/** The calibration that lies beside a model, if one does. */
export function calibrationBeside(model: Model): SparseCalibration | undefined {
  const path = calibrationPath(model);
  return existsSync(path) ? readCalibration(path, model) : undefined;
}

function identify({ info, metadata }: Model): z.infer<typeof modelSchema> {
  const name = metadata['general.name'];
  return {
    architecture: info.architecture,
    parameters: info.numParameters,
    layers: info.numLayers,
    sizeBytes: info.sizeBytes,
    name: typeof name === 'string' ? name : '',
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
