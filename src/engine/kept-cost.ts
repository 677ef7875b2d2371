// What rounds of a guard cost, and where that is kept.
import { RoundCost, type CostCalibration } from '../cost/round-cost.js';

/**
 * Whether the next process finds what was measured: `busy` where other processes kept cores busy meanwhile, `unmeasured`
 * where measuring would spoil a recurrent state, so that costs are learnt in use, `unwritable` where the file cannot be written.
 */
export type CostKeeping = 'kept' | 'busy' | 'unmeasured' | 'unwritable';

/** The file of a measurement. */
export interface CostFile {
  readonly path: string;
  readonly keeping: CostKeeping;
}

/** Predicts rounds from costs that have a file. */
export class KeptCost extends RoundCost {
  /** What is learnt of acceptance lies beside it. */
  readonly file: CostFile;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;

  constructor(calibration: CostCalibration, file: CostFile, maxNodes: number) {
    super(calibration, file.keeping === 'busy');
    this.file = file;
    this.maxNodes = maxNodes;
  }
}
