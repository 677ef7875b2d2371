// The target's own sequence, thinned out: as a lossy target, or as a drafter that a dense batch verifies.
import type { Drafter } from '../draft/drafter.js';
import { CalibrationError, IncompatibleMethodsError, UnsupportedCacheError } from '../errors.js';
import type { Context } from '../model/context.js';
import { NativeDistributionRows, Sampler } from '../model/sampler.js';
import type { Sequence } from '../model/sequence.js';
import { SparseAudit } from '../sparse/audit.js';
import { defaultBlockSize, type ExpertPlan, type SparseSupport } from '../sparse/plan.js';
import { FixedSparsePolicy, type FixedSparseOptions, type SparseAttentionOptions } from '../sparse/policy.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { AutoThinning } from './auto-thinning.js';
import type { SparseCalibration } from './calibrate-sparse.js';
import { CascadeDrafter, type CascadeOptions, type MiddleModel } from './cascade.js';
import { calibrationBeside, readCalibration } from './calibration-file.js';
import { feedForwardPlan } from './feed-forward-plan.js';
import type { ResolvedExpertOptions, ResolvedSparseOptions } from './sparse-options.js';
import { SequenceTarget, type Thinning } from './target.js';

/**
 * What is left out of the batches of a model: the options, checked against the model and filled in by its calibration.
 * @param context  empty
 * @throws {IncompatibleMethodsError} when no batch would ever be thinned out
 * @throws {UnsupportedCacheError} when the model has nothing that could be left out
 * @throws {CalibrationError} when a calibration is needed and missing, or is of another model
 * @throws {RangeError} when an anchor is no layer of it, or no expert would be left
 */
export async function planThinning(
  context: Context,
  options: ResolvedSparseOptions,
  drafter: Drafter | undefined,
): Promise<PlannedThinning> {
  const { model } = context;
  if (options.recheck === 'off' && drafter === undefined) {
    throw new IncompatibleMethodsError(
      'Without a drafter there are no verification batches to leave something out of. Use a drafter, or the sparse ' +
        'recheck dense.',
    );
  }
  const support = await context.sparseSupport();
  const path = options.calibration;
  const calibration =
    path === false ? undefined : path === undefined ? calibrationBeside(model) : readCalibration(path, model);
  const { attention, experts, feedForward } = withDefaultParts(options, support, calibration);
  if (attention !== undefined) requireAttention(support, model.info.architecture);
  if (experts !== undefined && support.expertLayers === 0) {
    throw new UnsupportedCacheError(
      `This ${model.info.architecture} model has no experts to skip. Leave sparse experts away.`,
    );
  }
  if (feedForward !== undefined) requireFeedForward(support, model.info.architecture);
  const notes: string[] = [];
  const resting = feedForward === undefined ? undefined : feedForwardPlan(feedForward, calibration, model);
  if (feedForward !== undefined && resting === undefined) {
    notes.push(
      `The feed-forward part stays dense: in no layer does a block of channels stay below ` +
        `${feedForward} for all tokens of a batch, as far as its calibration tells.`,
    );
  }
  const isThinned = attention !== undefined || experts !== undefined || resting !== undefined;
  if (!isThinned && feedForward === undefined)
    notes.push('Verification stays dense: nothing can be left out of this model.');
  return {
    attention: attention && withAnchors(attention, calibration, model.info.numLayers),
    experts: experts && expertPlan(experts, calibration, support.expertsUsed, model.path),
    feedForward: resting,
    isThinned,
    notes,
  };
}

/** Tokens of the context that are read, and the share of its experts that a token may skip, where `auto` is all that is said. */
const autoTokens = 1024;
const autoSkippedShare = 1 / 4;

/** What the policy `auto` chooses from where nothing is asked for: what the model has, and experts by a calibration alone. */
function withDefaultParts(
  options: ResolvedSparseOptions,
  support: SparseSupport,
  calibration: SparseCalibration | undefined,
): Pick<ResolvedSparseOptions, 'attention' | 'experts' | 'feedForward'> {
  const { attention, experts, feedForward } = options;
  if (attention !== undefined || experts !== undefined || feedForward !== undefined) return options;
  const hasExperts = calibration?.shares !== undefined && support.expertsUsed > 1;
  const skipped = Math.max(1, Math.floor(autoSkippedShare * support.expertsUsed));
  return {
    attention: support.attentionLayers > 0 ? { tokens: autoTokens } : undefined,
    experts: hasExperts ? { skipped, rule: 'median', loneShare: 0, shareScale: 1 } : undefined,
    feedForward: undefined,
  };
}

/** What batches leave out, and what has to be said about it. */
export interface PlannedThinning extends FixedSparseOptions {
  /** False where nothing is left of what was asked for. */
  readonly isThinned: boolean;
  readonly notes: readonly string[];
}

/** @throws {UnsupportedCacheError} when none of a model's feed-forward channels can be left out */
function requireFeedForward({ feedForwardLayers }: SparseSupport, architecture: string): void {
  if (feedForwardLayers > 0) return;
  throw new UnsupportedCacheError(
    `No feed-forward channels of this ${architecture} model can be left out: that works on gated layers on the CPU whose ` +
      'weights were not rearranged for it. Load the target with repackWeights: false and gpu: off, or leave sparse ' +
      'feed-forward away.',
  );
}

/** @throws {UnsupportedCacheError} when nothing of a model's attention can be left out */
export function requireAttention({ attentionLayers }: SparseSupport, architecture: string): void {
  if (attentionLayers > 0) return;
  throw new UnsupportedCacheError(
    `Nothing of the attention of a ${architecture} model can be left out: sparse attention works on layers that read ` +
      'a whole KV cache. Leave it away.',
  );
}

/** Anchors of the calibration where none are given and it was made for such blocks. */
function withAnchors(
  attention: SparseAttentionOptions,
  calibration: SparseCalibration | undefined,
  numLayers: number,
): SparseAttentionOptions {
  const beyond = attention.anchors?.find((layer) => layer >= numLayers);
  if (beyond !== undefined) {
    throw new RangeError(`Expected layers in [0, ${numLayers}) for anchors but received ${beyond}`);
  }
  const isFitting = calibration?.blockSize === (attention.blockSize ?? defaultBlockSize);
  return { ...attention, anchors: attention.anchors ?? (isFitting ? calibration?.anchors : undefined) };
}

function expertPlan(
  { skipped, rule, loneShare, shareScale }: ResolvedExpertOptions,
  calibration: SparseCalibration | undefined,
  numUsed: number,
  path: string,
): ExpertPlan {
  if (skipped >= numUsed) {
    throw new RangeError(
      `Expected an integer in [1, ${numUsed - 1}] for skipped experts, for a token has ${numUsed}, but received ${skipped}`,
    );
  }
  if (rule === 'always' || skipped === 0) return { skipped, loneShare };
  if (calibration?.shares === undefined) {
    throw new CalibrationError(
      `Skipping experts by their weight needs a calibration. Make one: outrider calibrate ${path}`,
    );
  }
  const shares = calibration.shares.map((medians) =>
    medians.slice(0, skipped).map((share) => share * shareScale),
  );
  return { skipped, shares, loneShare };
}

/**
 * What a generation without recheck leaves out.
 * @param auto  chooses; undefined: the same rule for every batch
 */
export function lossyThinning(
  options: FixedSparseOptions,
  auditEvery: number,
  auto: AutoThinning | undefined,
): Thinning {
  const policy = auto?.policy(options);
  return {
    policy: policy ?? new FixedSparsePolicy(options),
    audit: new SparseAudit(auditEvery),
    ...(policy && { decisions: () => policy.decisions }),
  };
}

/** What {@link thinnedDrafter} is made of. */
export interface ThinnedDrafterOptions extends Pick<CascadeOptions, 'drafter' | 'verifier'> {
  readonly context: Context;
  readonly options: FixedSparseOptions;
  /** Tokens of a draft at most. */
  readonly numTokens: number;
  /** Chooses what is left out; undefined: the same rule for every batch. */
  readonly auto: AutoThinning | undefined;
  /** False for rounds that go without a recheck. */
  readonly isWanted: () => boolean;
}

/** The thinned target; it decodes below the tip of the sequence that the dense one owns. */
class ThinnedTarget implements MiddleModel {
  readonly name = 'sparse-target';
  readonly numTokens: number;
  readonly passesOn = true;
  readonly #sequence: Sequence;
  readonly #isWanted: () => boolean;
  readonly #longest: FixedSparsePolicy;
  readonly #thinning: Thinning;
  #last: { readonly sampling: SamplingParams; readonly target: SequenceTarget } | undefined;

  constructor({ context, options: fixed, numTokens, auto, isWanted }: ThinnedDrafterOptions) {
    const options = { ...fixed, isPlainThinned: true };
    this.#sequence = context.sequence();
    this.#isWanted = isWanted;
    this.#longest = new FixedSparsePolicy(options);
    this.#thinning = { policy: auto?.policy(options) ?? this.#longest, audit: new SparseAudit(0) };
    this.numTokens = numTokens;
  }

  /** A context so short that nothing is left out is read whole. */
  speaksAfter({ length }: ArrayLike<TokenId>): boolean {
    return this.#isWanted() && this.#longest.plan({ contextLength: length, numTokens: 1 }) !== undefined;
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  enter(_tokens: Int32Array, sampling: SamplingParams): Promise<SequenceTarget> {
    if (this.#last?.sampling !== sampling) {
      const target = new SequenceTarget(this.#sequence, new Sampler(sampling), { thinning: this.#thinning });
      this.#last = { sampling, target };
    }
    return Promise.resolve(this.#last.target);
  }

  leave(length: number): Promise<void> {
    return this.#sequence.truncate(length);
  }
}

/** A drafter that speculates with the thinned target. */
export function thinnedDrafter(options: ThinnedDrafterOptions): CascadeDrafter {
  const { drafter, verifier } = options;
  return new CascadeDrafter({
    drafter,
    verifier,
    middle: new ThinnedTarget(options),
    collect: () => NativeDistributionRows.pack([]),
  });
}
