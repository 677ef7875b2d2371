// Which layers' feed-forward channels are left out, by what a calibration saw.
import { CalibrationError } from '../errors.js';
import type { Model } from '../model/model.js';
import { calibratedBlock, shareOfLargerBlocks } from '../sparse/calibration.js';
import type { FeedForwardPlan } from '../sparse/plan.js';
import type { SparseCalibration } from './calibrate-sparse.js';

/** Share of a layer's channels that has to rest before products with fewer of them pay. */
const minRestingShare = 0.05;
/** Channels that a K-quantised or an I-quantised matrix can only leave out together. */
const largeBlock = 256;
/** `general.file_type` of those, as llama.cpp's `llama_ftype` counts: Q2_K to Q6_K, IQ2_XXS to IQ1_S, IQ3_S to IQ1_M, TQ1_0, TQ2_0. */
const largeBlockTypes = [
  [10, 24],
  [26, 31],
  [36, 37],
] as const;

/** Channels of a block that is left out or not, by what the file says of its quantisation. */
export function blockChannels({ metadata }: Pick<Model, 'metadata'>): number {
  const type = Number(metadata['general.file_type']);
  return largeBlockTypes.some(([first, last]) => type >= first && type <= last)
    ? largeBlock
    : calibratedBlock;
}

/**
 * undefined where the calibration saw no block of channels at rest, or not enough of them to be sure of larger ones.
 * @throws {CalibrationError} without a calibration
 */
export function feedForwardPlan(
  threshold: number,
  calibration: SparseCalibration | undefined,
  model: Model,
): FeedForwardPlan | undefined {
  if (calibration === undefined) {
    throw new CalibrationError(
      `Leaving out feed-forward channels needs a calibration. Make one: outrider calibrate ${model.path}`,
    );
  }
  const thresholds = new Array<number>(model.info.numLayers).fill(0);
  const known = calibration.thresholds.findIndex((value) => value >= threshold);
  const at = known === -1 ? calibration.thresholds.length - 1 : known;
  const factor = blockChannels(model) / calibratedBlock;
  for (const { layer, perBlocks } of calibration.channels) {
    if (shareOfLargerBlocks(perBlocks[at]!, factor) >= minRestingShare) thresholds[layer] = threshold;
  }
  return thresholds.some((value) => value > 0) ? { thresholds } : undefined;
}
