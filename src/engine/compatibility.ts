// Whether drafter, verifier and target can work together; asked once, at construction.
import type { Drafter } from '../draft/drafter.js';
import { IncompatibleMethodsError, UnsupportedCacheError } from '../errors.js';
import type { ContextInfo } from '../model/context.js';
import type { Verifier } from '../verify/verifier.js';
import type { EngineOptions } from './options.js';

/**
 * @throws {IncompatibleMethodsError} when the verifier is not lossless for, or cannot work with, what the drafter draws
 */
export function checkMethods(drafter: Drafter, verifier: Verifier): void {
  if (verifier.chainsOnly && drafter.maxLeaves > 1) {
    throw new IncompatibleMethodsError(
      `The verifier ${verifier.name} works on chains, but the drafter ${drafter.name} proposes trees. Use the verifier ` +
        'traversal, recursive or naive, or chain:N.',
    );
  }
  if (verifier.fixedShapesOnly && drafter.adaptsShape) {
    throw new IncompatibleMethodsError(
      `The verifier ${verifier.name} needs to know the siblings of a draft before they are drawn, but the drafter ` +
        `${drafter.name} decides by what it draws. Use sequoia:N, static:WIDTHS or chain:N, or the verifier traversal, ` +
        'recursive or naive.',
    );
  }
  if (!verifier.siblings.includes(drafter.siblings)) {
    throw new IncompatibleMethodsError(
      `The verifier ${verifier.name} needs siblings drawn ${verifier.siblings.join(' or ')}, ` +
        `but the drafter ${drafter.name} draws them ${drafter.siblings}. Use the verifier ` +
        (drafter.siblings === 'topThenSampled'
          ? 'greedy-multi-draft or naive.'
          : 'traversal, recursive or naive.'),
    );
  }
  if (verifier.needsDraftProbs && !drafter.hasDraftProbs && drafter.siblings !== 'deterministic') {
    throw new IncompatibleMethodsError(
      `The verifier ${verifier.name} needs draft probabilities, which the drafter ${drafter.name} does not have. ` +
        'Use the verifier match.',
    );
  }
}

/**
 * @throws {UnsupportedCacheError} when the target's memory cannot take back a round's rejected tokens
 */
export function checkRollback(drafter: Drafter, info: ContextInfo, architecture: string): void {
  if (drafter.maxLeaves > 1 && info.rollback !== 'full') {
    throw new UnsupportedCacheError(
      `The state of a ${architecture} model cannot branch, so that trees cannot be verified. Use chain:N.`,
    );
  }
  const limit = info.rollback === 'full' ? Infinity : info.rollbackTokens;
  if (info.rollback === 'none') {
    throw new UnsupportedCacheError(
      `A model of the architecture ${architecture} cannot go back in its state here, so that rejected draft tokens ` +
        'could not be undone. Use the drafter none; where llama.cpp can keep snapshots, rollbackTokens above 0 helps.',
    );
  }
  if (drafter.maxNodes <= limit) return;
  throw new UnsupportedCacheError(
    `The state of this ${architecture} model goes back at most ${limit} tokens, but a round may draft ` +
      `${drafter.maxNodes}. Use chain:${limit}, with a middle model ${limit} middle tokens, or raise rollbackTokens.`,
  );
}

/**
 * Checks that nothing is asked for beside `stitch` that speculates or leaves something out.
 * @throws {IncompatibleMethodsError} naming what to leave away or to give
 */
export function checkStitch(options: EngineOptions): void {
  const { draft, drafter = 'auto', verifier = 'auto', tree = 'auto', draftDraws = 'auto' } = options;
  const drafters: readonly unknown[] = Array.isArray(drafter) ? drafter : [drafter];
  const refuse = (reason: string): never => {
    throw new IncompatibleMethodsError(`Stitched decoding ${reason}`);
  };
  if (drafters.some((one) => one !== 'auto' && one !== 'model')) {
    refuse('takes turns with a draft model and has no other drafters. Leave drafter away, or stitch.');
  }
  if (draft === undefined) refuse('takes turns with a draft model. Give one, or leave stitch away.');
  if (verifier !== 'auto') {
    refuse('verifies nothing, so that it has no verifier. Leave verifier away, or stitch.');
  }
  if (options.middle !== undefined) {
    refuse(
      'takes turns with a draft model and asks no middle model. Leave the middle model away, or stitch.',
    );
  }
  if (options.sparse !== undefined) {
    refuse('has no verification to leave something out of. Leave sparse away, or stitch.');
  }
  if (tree !== 'auto' || draftDraws !== 'auto' || (options.minDraftProbability ?? 0) > 0) {
    refuse('drafts no trees. Leave tree, draftDraws and minDraftProbability away, or stitch.');
  }
}
