// What of an engine has to do with a thinned target: what it leaves out, who chooses it, who rechecks it.
import { BatchCost } from '../cost/batch-cost.js';
import { RecheckPlanner } from '../cost/recheck-planner.js';
import { PlainPlanner, type RoundPlanner } from '../cost/round-planner.js';
import type { Drafter } from '../draft/drafter.js';
import type { Context } from '../model/context.js';
import { FixedSparsePolicy } from '../sparse/policy.js';
import { denseVariant } from '../sparse/variant-chooser.js';
import type { SamplingParams } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import { createAutoThinning, thinnedFloorMs, type AutoThinning } from './auto-thinning.js';
import { measurePlans } from './measure-cost.js';
import type { EngineOptions } from './options.js';
import type { ResolvedSparseOptions } from './sparse-options.js';
import type { SparseTargetDrafter } from './sparse-recheck.js';
import type { Thinning } from './target.js';
import { lossyThinning, planThinning, thinnedDrafter, type PlannedThinning } from './thinned-target.js';

/** Tokens of a run where nobody chooses, and at least and at most where somebody does. */
const fixedRun = 16;
const fewest = 2;
const most = 64;

/** What {@link createThinning} is made for. */
export interface ThinnedParts {
  readonly context: Context;
  readonly draftContext: Context | undefined;
  /** Drafts for the thinned target. */
  readonly drafter: Drafter | undefined;
  /** Its draft tokens of a round at most. */
  readonly maxNodes: number;
  /** Verifies them against the thinned target; lossless. */
  readonly verifier: (sampling: SamplingParams) => Verifier;
}

/** Who verifies the thinned target's tokens, and what that costs. */
interface Recheck {
  readonly drafter: SparseTargetDrafter;
  /** undefined: every run is as long as asked for. */
  readonly cost: BatchCost | undefined;
  readonly fewest: number;
  readonly most: number;
}

/** A thinned target, for as long as an engine lives. */
export class EngineThinning {
  readonly #planned: PlannedThinning;
  readonly #auditEvery: number;
  readonly #auto: AutoThinning | undefined;
  readonly #recheck: Recheck | undefined;
  readonly #planners = new Map<string, RecheckPlanner>();
  /** The planner of the generation that was begun last. */
  #planner: RecheckPlanner | undefined;

  /** @internal */
  constructor(
    planned: PlannedThinning,
    auditEvery: number,
    auto: AutoThinning | undefined,
    recheck: ((isWanted: () => boolean) => Recheck) | undefined,
  ) {
    this.#planned = planned;
    this.#auditEvery = auditEvery;
    this.#auto = auto;
    this.#recheck = recheck?.(() => this.#planner?.isRechecking ?? true);
  }

  /** Drafts with the thinned target; undefined where nothing rechecks it. */
  get drafter(): SparseTargetDrafter | undefined {
    return this.#recheck?.drafter;
  }

  /** What a generation leaves out; undefined where a dense batch rechecks it. */
  lossy(): Thinning | undefined {
    return this.#recheck === undefined
      ? lossyThinning(this.#planned, this.#auditEvery, this.#auto)
      : undefined;
  }

  /**
   * Decides over the rounds of a generation that begins; undefined where nobody does.
   * @param kind   what is learnt of one kind does not hold for another
   * @param inner  decides over rounds without recheck, where there is a drafter
   */
  planner(kind: string, inner: RoundPlanner | undefined): RoundPlanner | undefined {
    const { cost, fewest: least = 0, most: largest = 0 } = this.#recheck ?? {};
    if (cost === undefined) return undefined;
    const without = inner ?? new PlainPlanner();
    let planner = this.#planners.get(kind);
    if (planner === undefined) {
      const policy = new FixedSparsePolicy({ ...this.#planned, isPlainThinned: true });
      const dense = (numTokens: number, length: number): number | undefined =>
        cost.predict(numTokens, length);
      planner = new RecheckPlanner(
        {
          costs: {
            dense,
            thinnedFloor: (numTokens, length) => thinnedFloorMs(this.#planned, dense, numTokens, length),
            observe: ({ numDraftTokens, decodeMs }, contextLength) =>
              cost.observe({ numTokens: numDraftTokens + 1, contextLength, ms: decodeMs }),
          },
          ...{ fewest: least, most: largest },
          isThinned: (contextLength) => policy.plan({ contextLength, numTokens: 1 }) !== undefined,
        },
        without,
      );
      this.#planners.set(kind, planner);
    }
    planner.begin(without);
    this.#planner = planner;
    return planner;
  }

  /** Keeps what was learnt for the next process. */
  save(): void {
    this.#auto?.save();
  }
}

/**
 * A thinned target as options ask for it; `thinning` is undefined where nothing of the model can be left out.
 * @throws as {@link planThinning}
 */
export async function createThinning(
  parts: ThinnedParts,
  sparse: ResolvedSparseOptions,
  options: Pick<EngineOptions, 'tree' | 'guard' | 'onMeasure' | 'keepAcceptance'>,
): Promise<{ readonly thinning: EngineThinning | undefined; readonly notes: readonly string[] }> {
  const { context, drafter, maxNodes, verifier } = parts;
  const planned = await planThinning(context, sparse, drafter);
  if (!planned.isThinned) return { thinning: undefined, notes: planned.notes };
  const auto =
    sparse.policy === 'auto' ? await createAutoThinning({ ...parts, thinning: planned }, options) : undefined;
  let recheck: ((isWanted: () => boolean) => Recheck) | undefined;
  if (sparse.recheck === 'dense') {
    const isChosen = options.guard !== false;
    const given = sparse.recheckTokens === 'auto' ? undefined : sparse.recheckTokens;
    const largest = given ?? (isChosen ? most : fixedRun);
    const cost = isChosen ? await measuredBatches(context, Math.max(largest, maxNodes)) : undefined;
    recheck = (isWanted) => ({
      drafter: thinnedDrafter({
        context,
        options: planned,
        auto,
        numTokens: largest,
        drafter,
        verifier,
        isWanted,
      }),
      cost,
      fewest: given ?? fewest,
      most: largest,
    });
  }
  return { thinning: new EngineThinning(planned, sparse.auditEvery, auto, recheck), notes: planned.notes };
}

async function measuredBatches(context: Context, maxNodes: number): Promise<BatchCost> {
  return new BatchCost(await measurePlans(context, maxNodes, new Map([[denseVariant, undefined]])));
}
