// The target's own sequence, thinned out: as a lossy target, or as a drafter that a dense batch verifies.
import type { Drafter } from '../draft/drafter.js';
import { IncompatibleMethodsError, UnsupportedCacheError } from '../errors.js';
import type { Context } from '../model/context.js';
import { NativeDistributionRows, Sampler } from '../model/sampler.js';
import type { SamplingParams } from '../types.js';
import { SparseAudit } from '../sparse/audit.js';
import { FixedSparsePolicy } from '../sparse/policy.js';
import type { Verifier } from '../verify/verifier.js';
import type { ResolvedSparseOptions } from './sparse-options.js';
import { SparseTargetDrafter } from './sparse-recheck.js';
import { SequenceTarget, type Thinning } from './target.js';

/**
 * @throws {IncompatibleMethodsError} when no batch would ever be thinned out
 * @throws {UnsupportedCacheError} when nothing of this model's attention can be left out
 * @throws {RangeError} when an anchor is no layer of it
 */
export async function checkThinning(
  context: Context,
  { attention, recheck }: ResolvedSparseOptions,
  drafter: Drafter | undefined,
): Promise<void> {
  if (recheck === 'off' && drafter === undefined) {
    throw new IncompatibleMethodsError(
      'Without a drafter there are no verification batches to leave something out of. Use a drafter, or the sparse ' +
        'recheck dense.',
    );
  }
  const { architecture, numLayers } = context.model.info;
  const beyond = attention.anchors?.find((layer) => layer >= numLayers);
  if (beyond !== undefined) {
    throw new RangeError(`Expected layers in [0, ${numLayers}) for anchors but received ${beyond}`);
  }
  if ((await context.sparseLayers()) > 0) return;
  throw new UnsupportedCacheError(
    `Nothing of the attention of a ${architecture} model can be left out: sparse attention works on layers that read ` +
      'a whole KV cache. Leave it away.',
  );
}

/** What a generation without recheck leaves out. */
export function lossyThinning({ attention, auditEvery }: ResolvedSparseOptions): Thinning {
  return { policy: new FixedSparsePolicy({ attention }), audit: new SparseAudit(auditEvery) };
}

/** A drafter that speculates with the thinned target. */
export function thinnedDrafter(
  context: Context,
  { attention, recheckTokens }: ResolvedSparseOptions,
  drafter: Drafter | undefined,
  verifier: (sampling: SamplingParams) => Verifier,
): Drafter {
  const sequence = context.sequence();
  const policy = new FixedSparsePolicy({ attention, isPlainThinned: true });
  const thinning: Thinning = { policy, audit: new SparseAudit(0) };
  let last: { readonly sampling: SamplingParams; readonly target: SequenceTarget } | undefined;
  return new SparseTargetDrafter({
    drafter,
    verifier,
    target: (sampling) => {
      if (last?.sampling !== sampling) {
        last = { sampling, target: new SequenceTarget(sequence, new Sampler(sampling), { thinning }) };
      }
      return last.target;
    },
    isThinned: (contextLength) => policy.plan({ contextLength, numTokens: 1 }) !== undefined,
    rewind: (length) => sequence.truncate(length),
    collect: () => NativeDistributionRows.pack([]),
    numTokens: recheckTokens,
  });
}
