// Which layers' feed-forward channels are left out, by what a calibration saw.
import { CalibrationError } from '../errors.js';
import type { Model } from '../model/model.js';
import type { FeedForwardPlan } from '../sparse/plan.js';
import type { SparseCalibration } from './calibrate-sparse.js';

/** Share of a layer's channels that has to rest before products with fewer of them pay. */
const minRestingShare = 0.05;

/**
 * undefined where the calibration saw too few blocks of channels at rest.
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
  for (const { layer, perBlocks } of calibration.channels) {
    if (perBlocks[at]! >= minRestingShare) thresholds[layer] = threshold;
  }
  return thresholds.some((value) => value > 0) ? { thresholds } : undefined;
}
