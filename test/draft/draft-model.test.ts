import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DraftModelDrafter } from '../../src/draft/draft-model.js';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { DraftTokensRequest, GrowTreeRequest } from '../../src/model/sequence-calls.js';
import { ArrayRows } from '../../src/sampling/distribution.js';
import type { SamplingParams } from '../../src/types.js';
import { parseTreeShape, shapeFor } from '../../src/tree/tree-shape.js';
import { describeDrafterContract } from '../contracts/drafter.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext } from '../helpers/engines.js';
import { fakeDrafter, request, table } from '../helpers/fake-draft-model.js';
import { FakeDraftSequence } from '../helpers/fake-draft-sequence.js';

describeDrafterContract('model, over a table', {
  create: () => fakeDrafter().drafter,
  prompt: [1, 2, 3, 1],
  outputs: [
    [2, 0],
    [4, 1],
  ],
});

describe('with a tiny model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'outrider-drafter-'));
  const contexts: Context[] = [];
  let model: Model;
  beforeAll(async () => {
    writeTinyModel(join(folder, 'draft.gguf'));
    model = await loadModel(join(folder, 'draft.gguf'), { gpu: 'off' });
  });
  afterAll(() => {
    for (const context of contexts) context.dispose();
    model.dispose();
    rmSync(folder, { recursive: true });
  });

  describeDrafterContract('model', {
    create: async () => {
      // Batches of one token: a fresh drafter then computes its rows as one that drafted before, to the last bit.
      const context = await model.createContext({ ...exactContext, contextSize: 64, batchSize: 1 });
      contexts.push(context);
      return new DraftModelDrafter({
        sequence: context.sequence(),
        contextSize: 64,
        vocabSize: model.info.vocabSize,
        targetVocabSize: model.info.vocabSize,
        shape: { kind: 'chain', numNodes: 4 },
        siblings: 'withReplacement',
        createSampler: (params) => new Sampler(params),
      });
    },
    prompt: [1, 270, 280, 290],
    outputs: [
      [300, 310],
      [275, 285],
    ],
  });

  describe.each(['static:2,1', 'dynamic:4', 'sequoia:4', 'dyspec:4', 'eagle-2:4', 'opt-tree:4'])(
    '%s',
    (tree) => {
      describeDrafterContract('model', {
        create: async () => {
          const context = await model.createContext({
            ...exactContext,
            contextSize: 64,
            batchSize: 1,
            maxLeaves: 4,
          });
          contexts.push(context);
          return new DraftModelDrafter({
            sequence: context.sequence(),
            contextSize: 64,
            vocabSize: model.info.vocabSize,
            targetVocabSize: model.info.vocabSize,
            shape: shapeFor(parseTreeShape(tree), true),
            siblings: 'withoutReplacement',
            createSampler: (params) => new Sampler(params),
          });
        },
        prompt: [1, 270, 280, 290],
        outputs: [
          [300, 310],
          [275, 285],
        ],
      });
    },
  );
});

describe('DraftModelDrafter', () => {
  it('ends chains where the text does, where it is asked to', async () => {
    const asked: unknown[] = [];
    const sequence = Object.assign(new FakeDraftSequence(table), {
      draft: (_: Int32Array, { stopAtEnd }: DraftTokensRequest) => {
        asked.push(stopAtEnd);
        return Promise.reject(new Error('nothing is drawn here'));
      },
    });
    const { drafter } = fakeDrafter({ sequence });
    await expect(drafter.draft(request())).rejects.toThrow('nothing is drawn here');
    await expect(drafter.draft(request({ isEnd: () => true }))).rejects.toThrow('nothing is drawn here');
    expect(asked).toEqual([false, true]);
  });

  it.each([
    [undefined, 4],
    [2, 2],
    [9, 4],
  ])('grows trees of %s leaves at most on %i, of nodes that are worth it', async (maxLeaves, expected) => {
    const asked: unknown[] = [];
    const sequence = Object.assign(new FakeDraftSequence(table), {
      grow: (_: Int32Array, { maxLeaves: most, growth, stopAtEnd }: GrowTreeRequest) => {
        asked.push(most, growth.rule === 'calibrated' && growth.minAcceptance, stopAtEnd);
        return Promise.reject(new Error('nothing grows here'));
      },
    });
    const shape = shapeFor(parseTreeShape('dynamic:4'), true);
    const { drafter } = fakeDrafter({ sequence, shape, siblings: 'withoutReplacement', maxLeaves });
    await expect(drafter.draft(request({ minAcceptance: 0.3 }))).rejects.toThrow('nothing grows here');
    await expect(drafter.draft(request({ isEnd: () => true }))).rejects.toThrow('nothing grows here');
    expect(asked).toEqual([expected, 0.3, false, expected, undefined, true]);
    expect(drafter.maxLeaves).toBe(expected);
    const likeliest = fakeDrafter({ shape: shapeFor(parseTreeShape('eagle-2:4'), true) }).drafter;
    const selective = [drafter, likeliest, fakeDrafter().drafter].map((one) => one.isSelective);
    expect(selective).toEqual([true, false, false]);
  });

  it('prefills all of a prompt but its last token', async () => {
    const { sequence, drafter } = fakeDrafter();
    await drafter.begin([1, 2, 3]);
    expect(sequence.prefills).toEqual([[1, 2]]);
  });

  it('draws each token with the uniform of its depth', async () => {
    const { sequence, drafter } = fakeDrafter();
    await drafter.draft(request());
    expect(sequence.requests[0]!.uniforms).toEqual(Float64Array.of(0.1, 0.2, 0.3, 0.4));
  });

  it('takes the likeliest tokens, without rows, for a verifier that needs none', async () => {
    const { sequence, drafter } = fakeDrafter();
    const { draftProbs } = await drafter.draft(request({ needsDraftProbs: false }));
    expect(draftProbs).toBeUndefined();
    expect(sequence.requests[0]!.uniforms).toBeUndefined();
    expect(sequence.numReleased).toBe(1);
  });

  it.each([
    { draws: 'sampled', needsDraftProbs: false, temperature: 1, isSampled: true },
    { draws: 'argmax', needsDraftProbs: true, temperature: 1, isSampled: false },
    { draws: 'auto', needsDraftProbs: true, temperature: 0, isSampled: false },
    { draws: 'sampled', needsDraftProbs: true, temperature: 0, isSampled: false },
  ] as const)('with $draws draws at temperature $temperature samples: $isSampled', async (row) => {
    const { sequence, drafter } = fakeDrafter({ draws: row.draws });
    const sampling = { temperature: row.temperature };
    await drafter.draft(request({ needsDraftProbs: row.needsDraftProbs, sampling }));
    expect(sequence.requests[0]!.uniforms !== undefined).toBe(row.isSampled);
  });

  it('makes a sampler once for a generation, and anew for the next', async () => {
    const { drafter, samplers } = fakeDrafter();
    const sampling = { temperature: 0.5 };
    await drafter.draft(request({ sampling }));
    await drafter.draft(request({ sampling }));
    expect(samplers).toEqual([sampling]);
    await drafter.draft(request({ sampling: { temperature: 0.7 } }));
    expect(samplers).toHaveLength(2);
  });

  it('samples at its own temperature, and takes the likeliest token as ever', async () => {
    const { drafter, samplers } = fakeDrafter({ temperature: 0.5 });
    const sampling = { temperature: 0.8, topK: 7 };
    await drafter.draft(request({ sampling }));
    expect(samplers[0]).toEqual({ temperature: 0.4, topK: 7 });
    await drafter.draft(request({ sampling: {} }));
    expect(samplers[1]).toEqual({ temperature: 0.5 });
    await drafter.draft(request({ sampling, needsDraftProbs: false }));
    expect(samplers[2]).toMatchObject({ temperature: 0 });
  });

  it('follows with minP the temperature it samples at, so that the same tokens are left', async () => {
    const { drafter, samplers } = fakeDrafter({ temperature: 0.5 });
    await drafter.draft(request({ sampling: { temperature: 1, minP: 0.1 } }));
    expect(samplers[0]!.minP).toBeCloseTo(0.01, 12);
  });

  describe('that chooses its temperature', () => {
    const rows = (...probs: number[]): ArrayRows =>
      new ArrayRows([{ ids: Int32Array.of(1, 2), probs: Float64Array.from(probs) }]);

    /** The temperatures of the samplers that drafts were made with, before and after a target that is far surer. */
    async function temperaturesUnder(...samplings: SamplingParams[]): Promise<(number | undefined)[]> {
      const { drafter, samplers } = fakeDrafter({ temperature: 'auto' });
      await drafter.draft(request({ sampling: samplings[0]! }));
      for (let round = 0; round < 20; round++) drafter.compare(rows(0.6, 0.4), rows(0.99, 0.01));
      for (const sampling of samplings) await drafter.draft(request({ sampling }));
      return samplers.map(({ temperature }) => temperature);
    }

    it('takes the one at which its rows overlap most with the target', async () => {
      const [before, after] = await temperaturesUnder({ temperature: 0.8 });
      expect(before).toBe(0.8);
      expect(after).toBeLessThan(0.4);
    });

    it('learns for each temperature of the target by itself', async () => {
      const temperatures = await temperaturesUnder({ temperature: 0.8 }, { temperature: 1 });
      expect(temperatures.at(-1)).toBe(1);
    });

    it.each([{ topP: 0.9 }, { typicalP: 0.9 }])('keeps that of the target under %o', async (cut) => {
      const temperatures = await temperaturesUnder({ temperature: 0.8, ...cut });
      expect(new Set(temperatures)).toEqual(new Set([0.8]));
    });

    it('learns nothing from likeliest tokens', async () => {
      const { drafter, samplers } = fakeDrafter({ temperature: 'auto' });
      await drafter.draft(request({ needsDraftProbs: false }));
      for (let round = 0; round < 20; round++) drafter.compare(rows(0.6, 0.4), rows(0.99, 0.01));
      await drafter.draft(request());
      expect(samplers.at(-1)!.temperature).toBe(1);
    });
  });

  it('keeps penalties and drops truncation where it takes the likeliest token', async () => {
    const { drafter, samplers } = fakeDrafter();
    const sampling = { temperature: 0.5, topP: 0.5, repeatPenalty: 1.3 };
    await drafter.draft(request({ sampling, needsDraftProbs: false }));
    expect(samplers[0]).toMatchObject({ temperature: 0, topP: 1, repeatPenalty: 1.3 });
  });

  it('decides the confidence stop on the row before the draw', async () => {
    const tokens = Int32Array.of(1, 2, 3);
    const length = async (minProbability: number, value: number) => {
      const { drafter } = fakeDrafter({ minProbability });
      return (await drafter.draft(request({ tokens, uniform: () => value }))).tree.numNodes;
    };
    const surest = Math.max(...table.next([1, 2, 3]).probs);
    // Whatever would be drawn, likely or not, the first draw is made or not by its row alone.
    for (const value of [0, 0.25, 0.5, 0.75, 0.999]) {
      expect(await length(surest + 0.01, value)).toBe(0);
      expect(await length(surest - 0.01, value)).toBeGreaterThan(0);
    }
  });

  it('drafts as far as its context holds, the last token needing no cell', async () => {
    const { drafter } = fakeDrafter({ contextSize: 4 });
    expect((await drafter.draft(request())).tree.numNodes).toBe(2);
    expect((await drafter.draft(request({ tokens: Int32Array.of(1, 2, 3, 4) }))).tree.numNodes).toBe(1);
    expect((await drafter.draft(request({ tokens: Int32Array.of(1, 2, 3, 4, 0) }))).tree.numNodes).toBe(0);
  });

  it('drafts nothing after tokens that it has no embedding for', async () => {
    const { sequence, drafter } = fakeDrafter({ vocabSize: 3 });
    await drafter.begin([1, 2, 4]);
    expect((await drafter.draft(request({ tokens: Int32Array.of(1, 2, 4) }))).tree.numNodes).toBe(0);
    expect(sequence.requests).toEqual([]);
    expect((await drafter.draft(request({ tokens: Int32Array.of(1, 2, 0) }))).tree.numNodes).toBe(4);
  });

  it('never drafts tokens that the target does not know', async () => {
    const { sequence, drafter } = fakeDrafter({ targetVocabSize: 4 });
    await drafter.draft(request());
    expect(sequence.requests[0]!.vocabLimit).toBe(4);
  });
});
