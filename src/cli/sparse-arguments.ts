// The options of sparse verification as the library takes them.
import type { EngineOptions } from '../engine/options.js';
import type { EngineArguments } from './engine-options.js';
import { numberValue, UsageError } from './option-values.js';

const parts = '--sparse auto, --sparse-attention TOKENS, --sparse-experts N or --sparse-ffn TAU';
const refinements = ['sparse', 'sparse-recheck', 'sparse-recheck-tokens', 'sparse-audit'] as const;

/**
 * What verification leaves out; undefined: nothing.
 * @throws {UsageError} where an option has nothing to refine
 */
export function sparseOptionsOf(args: EngineArguments): EngineOptions['sparse'] {
  const { sparse: policy, 'sparse-attention': attention, 'sparse-ffn': feedForward } = args;
  const { 'sparse-recheck': recheck, 'sparse-audit': auditEvery } = args;
  const experts = expertsOf(args);
  const isThinned = attention !== undefined || experts !== undefined || feedForward !== undefined;
  if (!isThinned && policy !== 'auto') {
    const alone = refinements.find((name) => args[name] !== undefined);
    if (alone === undefined) return undefined;
    throw new UsageError(`Expected ${parts} with --${alone} but received ${args[alone]}`);
  }
  if (auditEvery !== undefined && recheck !== 'off') {
    throw new UsageError(
      `Expected --sparse-recheck off with --sparse-audit, for a recheck is exact, but received ${recheck ?? 'none'}`,
    );
  }
  return { policy, attention, experts, feedForward, recheck, recheckTokens: runOf(args), auditEvery };
}

function expertsOf({ 'sparse-experts': skipped, 'sparse-experts-scale': shareScale }: EngineArguments) {
  if (skipped !== undefined) return { skipped, shareScale };
  if (shareScale === undefined) return undefined;
  throw new UsageError(`Expected --sparse-experts N with --sparse-experts-scale but received ${shareScale}`);
}

function runOf({
  'sparse-recheck-tokens': tokens,
  'sparse-recheck': recheck,
}: EngineArguments): number | 'auto' | undefined {
  if (tokens !== undefined && recheck === 'off')
    throw new UsageError(`Expected --sparse-recheck dense with --sparse-recheck-tokens but received off`);
  return tokens === 'auto' ? tokens : numberValue('sparse-recheck-tokens')(tokens);
}
