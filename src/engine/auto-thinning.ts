// What an engine knows of its thinned batches: measured when it is created, learnt in use, kept between processes.
import { z } from 'zod';
import { ThinnedCost } from '../cost/thinned-cost.js';
import type { Drafter } from '../draft/drafter.js';
import type { Context } from '../model/context.js';
import { AutoSparsePolicy, variantOf } from '../sparse/auto-policy.js';
import { attentionBudget, type FixedSparseOptions } from '../sparse/policy.js';
import type { SparsePlan } from '../sparse/plan.js';
import { VariantChooser } from '../sparse/variant-chooser.js';
import { costPath } from './cost-store.js';
import { readLearnt, writeLearnt } from './learnt-file.js';
import { measurePlans } from './measure-cost.js';
import type { EngineOptions } from './options.js';

const count = z.number().int().min(0);
const fileSchema = z.object({
  version: z.literal(1),
  thinned: z.array(
    z.object({ variant: z.string(), numTokens: count, contextLength: count, ms: z.number().min(0) }),
  ),
});

/** What {@link createAutoThinning} is made for. */
export interface AutoThinningParts {
  readonly context: Context;
  readonly draftContext: Context | undefined;
  readonly drafter: Drafter | undefined;
  /** Draft tokens of a batch at most. */
  readonly maxNodes: number;
  readonly thinning: FixedSparseOptions;
}

/** Policies that choose what to leave out, and share what they learn. */
export class AutoThinning {
  readonly costs: ThinnedCost;
  readonly #chooser: VariantChooser;
  readonly #path: string | undefined;

  /** @param path  where what is learnt is kept; undefined keeps nothing */
  constructor(costs: ThinnedCost, path: string | undefined) {
    this.costs = costs;
    this.#chooser = new VariantChooser(costs);
    this.#path = path;
  }

  /** The policy of one generation. */
  policy(options: FixedSparseOptions): AutoSparsePolicy {
    return new AutoSparsePolicy({ ...options, chooser: this.#chooser, costs: this.costs });
  }

  /** Keeps what was learnt for the next process. */
  save(): void {
    if (this.#path !== undefined) writeLearnt(this.#path, { version: 1, thinned: this.costs.toJSON() });
  }
}

/**
 * Measures dense batches and those without some experts or channels; what sparse attention saves is learnt from real
 * rounds, for reading a context long enough would take too long.
 */
export async function createAutoThinning(
  { context, draftContext, drafter, maxNodes, thinning }: AutoThinningParts,
  options: Pick<EngineOptions, 'tree' | 'onMeasure' | 'keepAcceptance'>,
): Promise<AutoThinning> {
  const { attention, experts, feedForward } = thinning;
  const conditions = { target: context, draft: draftContext, drafterName: drafter?.name ?? 'none', maxNodes };
  const tree = JSON.stringify([options.tree ?? 'auto', attention, experts, feedForward]);
  const path = costPath({ ...conditions, tree }).replace(/\.json$/, '.sparse.json');
  const isKept = options.keepAcceptance ?? true;
  let measured = isKept ? readLearnt(path, fileSchema)?.thinned : undefined;
  if (measured === undefined) {
    const plans: (SparsePlan | undefined)[] = [undefined];
    if (experts !== undefined) plans.push({ experts });
    if (feedForward !== undefined) plans.push({ feedForward });
    if (experts !== undefined && feedForward !== undefined) plans.push({ experts, feedForward });
    const named = new Map(plans.map((plan) => [variantOf(plan), plan]));
    measured = await measurePlans(context, maxNodes, named, options.onMeasure);
  }
  return new AutoThinning(new ThinnedCost(measured), isKept ? path : undefined);
}

/** Milliseconds that a thinned batch cannot be faster than; undefined while too little is known. */
export function thinnedFloorMs(
  { attention, experts, feedForward }: FixedSparseOptions,
  predict: (numTokens: number, contextLength: number) => number | undefined,
  numTokens: number,
  contextLength: number,
): number | undefined {
  const read = attention && attentionBudget(contextLength, attention.tokens, attention.ratio ?? 0);
  const ms = predict(numTokens, read ?? contextLength);
  // Experts and channels are half of a batch or less.
  return ms === undefined || (experts === undefined && feedForward === undefined) ? ms : ms / 2;
}
