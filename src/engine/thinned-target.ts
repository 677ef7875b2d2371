// The target's own sequence, thinned out: as a lossy target, or as a drafter that a dense batch verifies.
import type { Drafter } from '../draft/drafter.js';
import { CalibrationError, IncompatibleMethodsError, UnsupportedCacheError } from '../errors.js';
import type { Context } from '../model/context.js';
import { NativeDistributionRows, Sampler } from '../model/sampler.js';
import type { Sequence } from '../model/sequence.js';
import { SparseAudit } from '../sparse/audit.js';
import {
  defaultBlockSize,
  type ExpertPlan,
  type FeedForwardPlan,
  type SparseSupport,
} from '../sparse/plan.js';
import { FixedSparsePolicy, type FixedSparseOptions, type SparseAttentionOptions } from '../sparse/policy.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import type { SparseCalibration } from './calibrate-sparse.js';
import { calibrationBeside, readCalibration } from './calibration-file.js';
import { CascadeDrafter, type MiddleModel } from './cascade.js';
import type { ResolvedExpertOptions, ResolvedSparseOptions } from './sparse-options.js';
import { SequenceTarget, type Thinning } from './target.js';

/** Share of a layer's channels that has to rest before products with fewer of them pay. */
const minRestingShare = 0.05;

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
  { attention, experts, feedForward, recheck, calibration: path }: ResolvedSparseOptions,
  drafter: Drafter | undefined,
): Promise<PlannedThinning> {
  const { model } = context;
  if (recheck === 'off' && drafter === undefined) {
    throw new IncompatibleMethodsError(
      'Without a drafter there are no verification batches to leave something out of. Use a drafter, or the sparse ' +
        'recheck dense.',
    );
  }
  const support = await context.sparseSupport();
  if (attention !== undefined) requireAttention(support, model.info.architecture);
  if (experts !== undefined && support.expertLayers === 0) {
    throw new UnsupportedCacheError(
      `This ${model.info.architecture} model has no experts to skip. Leave sparse experts away.`,
    );
  }
  if (feedForward !== undefined) requireFeedForward(support, model.info.architecture);
  const calibration =
    path === false ? undefined : path === undefined ? calibrationBeside(model) : readCalibration(path, model);
  const notes: string[] = [];
  const resting =
    feedForward === undefined
      ? undefined
      : feedForwardPlan(feedForward, calibration, model.info.numLayers, model.path);
  if (feedForward !== undefined && resting === undefined) {
    notes.push(
      `The feed-forward part stays dense: in no layer does a block of channels stay below ${feedForward} for all tokens ` +
        'of a batch.',
    );
  }
  return {
    attention: attention && withAnchors(attention, calibration, model.info.numLayers),
    experts: experts && expertPlan(experts, calibration, support.expertsUsed, model.path),
    feedForward: resting,
    isThinned: attention !== undefined || experts !== undefined || resting !== undefined,
    notes,
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

/** undefined where the calibration saw no block of channels at rest. */
function feedForwardPlan(
  threshold: number,
  calibration: SparseCalibration | undefined,
  numLayers: number,
  path: string,
): FeedForwardPlan | undefined {
  if (calibration === undefined) {
    throw new CalibrationError(
      `Leaving out feed-forward channels needs a calibration. Make one: outrider calibrate ${path}`,
    );
  }
  const thresholds = new Array<number>(numLayers).fill(0);
  const known = calibration.thresholds.findIndex((value) => value >= threshold);
  const at = known === -1 ? calibration.thresholds.length - 1 : known;
  for (const { layer, perBlocks } of calibration.channels) {
    if (perBlocks[at]! >= minRestingShare) thresholds[layer] = threshold;
  }
  return thresholds.some((value) => value > 0) ? { thresholds } : undefined;
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
  { skipped, rule, loneShare }: ResolvedExpertOptions,
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
  return { skipped, shares: calibration.shares.map((shares) => shares.slice(0, skipped)), loneShare };
}

/** What a generation without recheck leaves out. */
export function lossyThinning(options: FixedSparseOptions, auditEvery: number): Thinning {
  return { policy: new FixedSparsePolicy(options), audit: new SparseAudit(auditEvery) };
}

/** The thinned target; it decodes below the tip of the sequence that the dense one owns. */
class ThinnedTarget implements MiddleModel {
  readonly name = 'sparse-target';
  readonly numTokens: number;
  readonly passesOn = true;
  readonly #sequence: Sequence;
  readonly #policy: FixedSparsePolicy;
  #last: { readonly sampling: SamplingParams; readonly target: SequenceTarget } | undefined;

  constructor(sequence: Sequence, options: FixedSparseOptions, numTokens: number) {
    this.#sequence = sequence;
    this.#policy = new FixedSparsePolicy({ ...options, isPlainThinned: true });
    this.numTokens = numTokens;
  }

  /** A context so short that nothing is left out is read whole. */
  speaksAfter({ length }: ArrayLike<TokenId>): boolean {
    return this.#policy.plan({ contextLength: length, numTokens: 1 }) !== undefined;
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  enter(_tokens: Int32Array, sampling: SamplingParams): Promise<SequenceTarget> {
    if (this.#last?.sampling !== sampling) {
      const thinning: Thinning = { policy: this.#policy, audit: new SparseAudit(0) };
      const target = new SequenceTarget(this.#sequence, new Sampler(sampling), { thinning });
      this.#last = { sampling, target };
    }
    return Promise.resolve(this.#last.target);
  }

  leave(length: number): Promise<void> {
    return this.#sequence.truncate(length);
  }
}

/** A drafter that speculates with the thinned target. */
export function thinnedDrafter(
  context: Context,
  options: FixedSparseOptions,
  numTokens: number,
  drafter: Drafter | undefined,
  verifier: (sampling: SamplingParams) => Verifier,
): Drafter {
  return new CascadeDrafter({
    drafter,
    verifier,
    middle: new ThinnedTarget(context.sequence(), options, numTokens),
    collect: () => NativeDistributionRows.pack([]),
  });
}
