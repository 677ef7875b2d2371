import { describe, expect, it } from 'vitest';
import { resolveSampling, validateSampling } from '../../src/sampling/params.js';
import type { SamplingParams } from '../../src/types.js';

describe('resolveSampling', () => {
  it('fills in neutral defaults', () => {
    expect(resolveSampling()).toEqual({
      logitBias: new Map(),
      repeatPenalty: 1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      penaltyLastN: 64,
      dryMultiplier: 0,
      dryBase: 1.75,
      dryAllowedLength: 2,
      dryPenaltyLastN: -1,
      drySequenceBreakers: [],
      temperature: 1,
      topK: 0,
      topP: 1,
      minP: 0,
      typicalP: 1,
    });
  });

  it('keeps what is given, and treats undefined as not given', () => {
    expect(resolveSampling({ temperature: 0, topK: undefined })).toMatchObject({ temperature: 0, topK: 0 });
  });

  it('checks what it is given', () => {
    expect(() => resolveSampling({ topP: 2 })).toThrow(RangeError);
  });
});

describe('validateSampling', () => {
  it('takes every value at the edge of its range', () => {
    const edges: SamplingParams[] = [
      { temperature: 0, topK: 0, topP: 1, minP: 0, typicalP: 1, penaltyLastN: -1, dryPenaltyLastN: -1 },
      {
        minP: 1,
        dryMultiplier: 0,
        dryBase: 1,
        dryAllowedLength: 1,
        frequencyPenalty: -2,
        presencePenalty: -2,
      },
      { logitBias: new Map([[0, -Infinity]]), drySequenceBreakers: [0] },
    ];
    for (const params of edges) expect(() => validateSampling(params)).not.toThrow();
  });

  it.each<[keyof SamplingParams, number[]]>([
    ['temperature', [-0.1, NaN, Infinity]],
    ['topK', [-1, 1.5, NaN, Infinity]],
    ['topP', [0, -0.1, 1.1, NaN]],
    ['minP', [-0.1, 1.1, NaN]],
    ['typicalP', [0, 1.1, NaN]],
    ['repeatPenalty', [0, -1, Infinity, NaN]],
    ['frequencyPenalty', [Infinity, NaN]],
    ['presencePenalty', [-Infinity, NaN]],
    ['penaltyLastN', [-2, 0.5]],
    ['dryMultiplier', [-1, Infinity]],
    ['dryBase', [0.9, Infinity]],
    ['dryAllowedLength', [0, 1.5]],
    ['dryPenaltyLastN', [-2, 0.5]],
  ])('refuses numbers out of range for %s with a RangeError that names it', (name, values) => {
    for (const value of values) {
      expect(() => validateSampling({ [name]: value })).toThrow(RangeError);
      expect(() => validateSampling({ [name]: value })).toThrow(`for ${name} but received ${value}`);
    }
  });

  it('refuses values of a wrong type with a TypeError', () => {
    for (const params of [
      { temperature: '1' },
      { logitBias: { 1: 2 } },
      { drySequenceBreakers: 3 },
      { topK: null },
    ]) {
      expect(() => validateSampling(params as unknown as SamplingParams)).toThrow(TypeError);
    }
  });

  it('refuses parameters that are not an object', () => {
    expect(() => validateSampling(null as unknown as SamplingParams)).toThrow(TypeError);
  });

  it('refuses a bias of +Infinity or NaN, and ids that are not token ids', () => {
    for (const entry of [
      [1, Infinity],
      [1, NaN],
      [-1, 0],
      [0.5, 0],
    ] as const) {
      expect(() => validateSampling({ logitBias: new Map([entry]) })).toThrow(RangeError);
    }
    expect(() => validateSampling({ drySequenceBreakers: [-1] })).toThrow(RangeError);
  });

  it.each([
    ['temprature', 'temperature'],
    ['top_p', 'topP'],
    ['minp', 'minP'],
    ['dryLength', 'dryBase'],
  ])("answers the unknown key '%s' with '%s'", (key, nearest) => {
    const validate = () => validateSampling({ [key]: 1 } as SamplingParams);
    expect(validate).toThrow(TypeError);
    expect(validate).toThrow(`received '${key}'. Did you mean '${nearest}'?`);
  });
});
