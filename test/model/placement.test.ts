import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planPlacement, type PlacementNeed } from '../../src/model/placement.js';

const mebibyte = 2 ** 20;

/** A model of 9 layers and an output matrix, 100 MiB for each, and 50 MiB of work space. */
const target: PlacementNeed = {
  name: 'target.gguf',
  numLayers: 9,
  modelBytes: 800 * mebibyte,
  contextBytes: 200 * mebibyte,
  computeBytes: 50 * mebibyte,
};
/** 100 MiB in all. */
const draft: PlacementNeed = {
  name: 'draft.gguf',
  numLayers: 3,
  modelBytes: 60 * mebibyte,
  contextBytes: 20 * mebibyte,
  computeBytes: 20 * mebibyte,
};

const layersOf = (needs: readonly PlacementNeed[], freeMebibytes: number) =>
  planPlacement(needs, freeMebibytes * mebibyte).gpuLayers;

describe('planPlacement', () => {
  it('puts every layer and the output matrix on the GPU when everything fits', () => {
    expect(layersOf([target, draft], 2000)).toEqual([10, 4]);
  });

  it('leaves 8 percent of the free memory alone', () => {
    expect(layersOf([target, draft], 1150 / 0.92 + 1)).toEqual([10, 4]);
    expect(layersOf([target, draft], 1150 / 0.92 - 1)).not.toEqual([10, 4]);
  });

  it('places a small draft whole before the target takes what is left', () => {
    expect(layersOf([target, draft], 600 / 0.92 + 1)).toEqual([4, 4]);
  });

  it('leaves a draft that takes more than a quarter on the CPU', () => {
    expect(layersOf([target, draft], 399 / 0.92)).toEqual([3, 0]);
    expect(layersOf([target, draft], 401 / 0.92)).toEqual([2, 4]);
  });

  it('places no layer when not even the work space fits', () => {
    expect(layersOf([target, draft], 40)).toEqual([0, 0]);
  });

  it('says that there is no free memory when there is none', () => {
    expect(planPlacement([target], 0)).toEqual({
      gpuLayers: [0],
      explanation: expect.stringContaining('no free device memory') as string,
    });
  });

  it('names each model and its share when not everything fits', () => {
    const { explanation } = planPlacement([target, draft], 653 * mebibyte);
    expect(explanation).toContain('target.gguf 4 of 10');
    expect(explanation).toContain('draft.gguf 4 of 4');
  });

  it('never plans more bytes than are free', () => {
    const size = fc.integer({ min: 1, max: 4000 });
    const need = fc.record({
      name: fc.constant('model'),
      numLayers: fc.integer({ min: 1, max: 80 }),
      modelBytes: size,
      contextBytes: size,
      computeBytes: size,
    });
    const plans = fc.property(fc.tuple(need, need), fc.integer({ min: 0, max: 20_000 }), (needs, free) => {
      const { gpuLayers } = planPlacement(needs, free);
      const bytes = needs.map(({ numLayers, modelBytes, contextBytes, computeBytes }, index) => {
        const layers = gpuLayers[index]!;
        return layers === 0 ? 0 : computeBytes + ((modelBytes + contextBytes) * layers) / (numLayers + 1);
      });
      expect(bytes[0]! + bytes[1]!).toBeLessThanOrEqual(free);
    });
    fc.assert(plans);
  });
});
