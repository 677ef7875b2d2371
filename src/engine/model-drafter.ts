// The drafter that an engine makes of its draft model.
import { DraftModelDrafter } from '../draft/draft-model.js';
import type { Drafter } from '../draft/drafter.js';
import { UnsupportedCacheError } from '../errors.js';
import type { Context, ContextInfo } from '../model/context.js';
import { Sampler } from '../model/sampler.js';
import type { OwnDraws } from '../tree/token-tree.js';
import type { TreeShape } from '../tree/tree-shape.js';
import type { Verifier } from '../verify/verifier.js';
import type { AcceptanceStore } from './acceptance-store.js';
import type { EngineOptions } from './options.js';

/** A recurrent draft model draws on a copy of its state, so that it needs no snapshots to go back to. */
export function createDraftContext(
  options: EngineOptions,
  info: ContextInfo,
  maxLeaves: number,
): Promise<Context> {
  return options.draft!.createContext({
    rollbackTokens: 0,
    maxLeaves,
    ...(options.draftContext ?? { ...options.context, contextSize: info.contextSize }),
  });
}

/** What the option is where it is left out: learnt under the guard, whose answers do not repeat anyway. */
export function draftTemperatureOf({
  draftTemperature,
  guard = true,
}: Pick<EngineOptions, 'draftTemperature' | 'guard'>): number | 'auto' {
  return draftTemperature ?? (guard ? 'auto' : 1);
}

/** How the draft model drafts. */
export interface DraftModelPlan {
  readonly shape: TreeShape;
  readonly maxLeaves: number;
  readonly verifier: Verifier | undefined;
  readonly acceptance: AcceptanceStore;
}

/** The drafter of the engine's draft model. */
export function draftModelDrafter(
  options: EngineOptions,
  context: Context,
  { shape, maxLeaves, verifier, acceptance }: DraftModelPlan,
): Drafter {
  if (shape.kind !== 'chain' && context.info.rollback !== 'full') {
    const { architecture } = options.draft!.info;
    throw new UnsupportedCacheError(
      `The state of a ${architecture} draft model cannot branch, so that it cannot draft trees. Use chain:N.`,
    );
  }
  const siblings = siblingsFor(verifier, shape);
  return new DraftModelDrafter({
    sequence: context.sequence(),
    contextSize: context.info.contextSize,
    lookBackTokens: context.info.rollback === 'full' ? context.info.batchSize : 0,
    vocabSize: options.draft!.info.vocabSize,
    targetVocabSize: options.target.info.vocabSize,
    shape,
    maxLeaves,
    siblings,
    acceptance: ({ temperature = 1 }, isSampled, factor) => {
      const drawn = factor === 1 ? siblings : `${siblings} at ${factor}`;
      return acceptance.of(`temperature ${temperature}, ${isSampled ? drawn : 'likeliest'}`, factor);
    },
    minProbability: options.minDraftProbability,
    draws: options.draftDraws,
    temperature: draftTemperatureOf(options),
    createSampler: (params) => new Sampler(params),
  });
}

/** The draws that a rule wants: chains are the same with and without replacement. */
export function siblingsFor(verifier: Verifier | undefined, shape: TreeShape): OwnDraws {
  const wanted = verifier?.siblings ?? ['withoutReplacement'];
  if (shape.kind === 'chain' && wanted.includes('withReplacement')) return 'withReplacement';
  return wanted.find((kind) => kind !== 'deterministic' && kind !== 'mixed') ?? 'deterministic';
}
