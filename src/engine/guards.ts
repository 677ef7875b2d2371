// The guards of an engine: one for each way of sampling, for acceptance differs with it.
import { ExpectedTokens } from '../cost/expected-tokens.js';
import { GuardPlanner } from '../cost/guard.js';
import { RoundCost, type CostCalibration } from '../cost/round-cost.js';
import type { Drafter } from '../draft/drafter.js';
import type { Context } from '../model/context.js';
import { costPath, readCost, writeCost } from './cost-store.js';
import { measureCost } from './measure-cost.js';

/** Options of {@link Guards}. */
export interface GuardsOptions {
  readonly calibration: CostCalibration;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /** Mixes in plain rounds to measure the speedup. */
  readonly isMeasuring: boolean;
}

/** What guards are made for. */
export interface GuardedParts extends Omit<GuardsOptions, 'calibration'> {
  readonly context: Context;
  readonly draftContext: Context | undefined;
  readonly drafter: Drafter;
  /** The tree as options give it. */
  readonly tree: string;
  /** Share of the measurement that is done. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** Guards that know what rounds cost here: measured before under the same conditions, or now. */
export async function createGuards(parts: GuardedParts): Promise<Guards> {
  const { context, draftContext, drafter, maxNodes, isMeasuring, tree, onProgress } = parts;
  const path = costPath({
    target: context,
    draft: draftContext,
    drafterName: drafter.name,
    tree,
    maxNodes,
  });
  let calibration = readCost(path);
  if (calibration === undefined) {
    calibration = await measureCost({ context, drafter, maxNodes, onProgress });
    writeCost(path, calibration);
  }
  return new Guards({ calibration, maxNodes, isMeasuring });
}

/** Guards that share what is known of costs. */
export class Guards {
  readonly #options: GuardsOptions;
  readonly #cost: RoundCost;
  readonly #guards = new Map<string, GuardPlanner>();

  constructor(options: GuardsOptions) {
    this.#options = options;
    this.#cost = new RoundCost(options.calibration);
  }

  /** The guard of a generation that begins; it goes on from what the ones before have learnt. */
  of(kind: string): GuardPlanner {
    const { maxNodes, isMeasuring } = this.#options;
    let guard = this.#guards.get(kind);
    if (guard === undefined) {
      guard = new GuardPlanner({
        cost: this.#cost,
        tokens: new ExpectedTokens(maxNodes),
        maxNodes,
        isMeasuring,
      });
      this.#guards.set(kind, guard);
    }
    guard.begin();
    return guard;
  }
}
