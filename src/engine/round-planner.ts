// How many tokens the next round may draft. Knows nothing of drafters or verifiers.
import type { RoundRecord } from '../metrics/counters.js';

/** The plan of one round. */
export interface RoundPlan {
  /** Upper bound on draft tokens; 0 decodes plainly. */
  readonly maxNodes: number;
  /** True when the planner chose to leave out the draft. */
  readonly isPlain: boolean;
}

/** Decides round by round; told what each brought. */
export interface RoundPlanner {
  plan(): RoundPlan;
  observe(record: RoundRecord): void;
}

const firstMeasurement = 4;

/**
 * The same number of draft tokens each round. When it measures, rounds 4, 12, 28, 60, ... are plain: the distance
 * doubles, so that a long generation pays next to nothing to know its speedup.
 */
export class FixedPlanner implements RoundPlanner {
  readonly #numNodes: number;
  readonly #isMeasuring: boolean;
  #round = 0;
  #nextMeasurement = firstMeasurement;

  constructor(numNodes: number, isMeasuring: boolean) {
    this.#numNodes = numNodes;
    this.#isMeasuring = isMeasuring && numNodes > 0;
  }

  plan(): RoundPlan {
    const isPlain = this.#isMeasuring && this.#round === this.#nextMeasurement;
    if (isPlain) this.#nextMeasurement = 2 * this.#nextMeasurement + firstMeasurement;
    this.#round += 1;
    return { maxNodes: isPlain ? 0 : this.#numNodes, isPlain };
  }

  observe(): void {
    // A fixed plan learns nothing.
  }
}
