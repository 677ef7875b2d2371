// Leaves out of a batch what makes it faster on this machine. Knows nothing of models.
import { attentionBudget, FixedSparsePolicy } from './policy.js';
import type { FixedSparseOptions, SparsePolicy, SparseRoundState } from './policy.js';
import type { SparsePlan } from './plan.js';
import { denseVariant, type Variant, type VariantChooser, type VariantCosts } from './variant-chooser.js';

/** What a policy that chooses has chosen. */
export interface SparseDecisions {
  /** Batches by what they left out, such as `attention` or `attention and experts`; `dense` for nothing. */
  readonly batches: Readonly<Record<string, number>>;
  /** The last choice and the times behind it, in a sentence. */
  readonly reason: string;
}

const parts = ['attention', 'experts', 'feedForward'] as const;
type Part = (typeof parts)[number];

/** What a plan leaves out, as a name; {@link denseVariant} for nothing. */
export function variantOf(plan: SparsePlan | undefined): string {
  const left = parts.filter((part) => plan?.[part] !== undefined);
  return left.length === 0 ? denseVariant : left.join(' and ');
}

/** What an {@link AutoSparsePolicy} chooses from, and by. */
export interface AutoSparseOptions extends FixedSparseOptions {
  /** Shared by generations: what one has learnt holds for the next. */
  readonly chooser: VariantChooser;
  readonly costs: Pick<VariantCosts, 'predict'>;
}

/**
 * Each part alone, or all of them, or none: what a batch of this size after a context of this length takes least time with.
 * Sparse attention is tried only where reading no more than its budget would pay if choosing cost nothing.
 */
export class AutoSparsePolicy implements SparsePolicy {
  readonly #options: AutoSparseOptions;
  readonly #fixed: FixedSparsePolicy;
  readonly #batches: Record<string, number> = {};
  #reason = '';

  constructor(options: AutoSparseOptions) {
    this.#options = options;
    this.#fixed = new FixedSparsePolicy(options);
  }

  /** What was chosen since it was made. */
  get decisions(): SparseDecisions {
    return { batches: { ...this.#batches }, reason: this.#reason };
  }

  plan(state: SparseRoundState): SparsePlan | undefined {
    const { chooser } = this.#options;
    const whole = this.#fixed.plan(state);
    if (whole === undefined) return undefined;
    const given = parts.filter((part) => whole[part] !== undefined);
    const subsets = given.length === 1 ? [given] : [given, ...given.map((part) => [part])];
    const plans = subsets.map((subset) => only(whole, subset));
    const variants = plans.map((plan) => ({ name: variantOf(plan), floorMs: this.#floorMs(plan, state) }));
    const chosen = chooser.choose(variants, state.numTokens, state.contextLength);
    this.#reason = chooser.reason;
    this.#batches[chosen] = (this.#batches[chosen] ?? 0) + 1;
    return plans.find((plan) => variantOf(plan) === chosen);
  }

  observe(state: SparseRoundState, plan: SparsePlan | undefined, ms: number): void {
    this.#options.chooser.observe(variantOf(plan), state.numTokens, state.contextLength, ms);
  }

  /** Of a plan that leaves out nothing but attention: the time of a context of its budget. */
  #floorMs(plan: SparsePlan, { numTokens, contextLength }: SparseRoundState): Variant['floorMs'] {
    const { attention, costs } = this.#options;
    if (attention === undefined || variantOf(plan) !== 'attention') return undefined;
    const read = attentionBudget(contextLength, attention.tokens, attention.ratio ?? 0);
    return costs.predict(denseVariant, numTokens, read);
  }
}

function only(plan: SparsePlan, kept: readonly Part[]): SparsePlan {
  return Object.fromEntries(kept.map((part) => [part, plan[part]]));
}
