// The drafter of a draft model over a table.
import { DraftModelDrafter, type DraftModelOptions } from '../../src/draft/draft-model.js';
import type { DraftRequest } from '../../src/draft/drafter.js';
import type { Sampler } from '../../src/model/sampler.js';
import type { SamplingParams } from '../../src/types.js';
import { FakeDraftSequence } from './fake-draft-sequence.js';
import { randomModel } from './table-model.js';

/** Tokens of the table. */
export const vocabSize = 5;
export const table = randomModel(3, vocabSize);

/** A drafter over the table, the sequence that it draws on, and what its samplers were made with. */
export function fakeDrafter(change: Partial<DraftModelOptions> = {}) {
  const sequence = new FakeDraftSequence(table);
  const samplers: SamplingParams[] = [];
  const drafter = new DraftModelDrafter({
    sequence,
    contextSize: 32,
    lookBackTokens: 8,
    vocabSize,
    targetVocabSize: vocabSize,
    shape: { kind: 'chain', numNodes: 4 },
    siblings: 'withReplacement',
    createSampler: (params) => {
      samplers.push(params);
      return {} as Sampler;
    },
    ...change,
  });
  return { sequence, drafter, samplers };
}

/** After three tokens, four more by rejection. */
export function request(change: Partial<DraftRequest> = {}): DraftRequest {
  return {
    tokens: Int32Array.of(1, 2, 3),
    maxNodes: 4,
    sampling: { temperature: 1 },
    needsDraftProbs: true,
    uniform: (node) => (node + 1) / 10,
    ...change,
  };
}
