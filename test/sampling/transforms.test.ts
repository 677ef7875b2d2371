import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { distributionOf } from '../../src/sampling/transforms.js';
import type { SamplingParams } from '../../src/types.js';
import { seed } from '../helpers/arbitraries.js';
import { randomModel } from '../helpers/table-model.js';

/** Logits that give these probabilities at temperature 1. */
const logitsOf = (...probs: number[]) => Float32Array.from(probs, Math.log);
const idsOf = (logits: Float32Array, params: SamplingParams) =>
  Array.from(distributionOf(logits, params).ids);

function expectClose({ ids, probs }: Distribution, expected: Record<number, number>): void {
  expect(Array.from(ids)).toEqual(Object.keys(expected).map(Number));
  Object.values(expected).forEach((prob, index) => expect(probs[index]).toBeCloseTo(prob, 6));
}

describe('distributionOf', () => {
  const tenths = logitsOf(0.1, 0.4, 0.2, 0.3);

  it('is the softmax by default', () => {
    expectClose(distributionOf(tenths), { 0: 0.1, 1: 0.4, 2: 0.2, 3: 0.3 });
  });

  it('divides logits by the temperature', () => {
    expectClose(distributionOf(tenths, { temperature: 0.5 }), {
      0: 0.01 / 0.3,
      1: 0.16 / 0.3,
      2: 0.04 / 0.3,
      3: 0.09 / 0.3,
    });
  });

  it('puts all mass on the largest logit at temperature 0, the smallest id on ties', () => {
    expect(distributionOf(Float32Array.of(1, 3, 3, 2), { temperature: 0 })).toEqual({
      ids: Int32Array.of(1),
      probs: Float64Array.of(1),
    });
  });

  it('takes the largest logit after penalties and bias at temperature 0', () => {
    const logits = Float32Array.of(1, 3, 2);
    expect(idsOf(logits, { temperature: 0, logitBias: new Map([[1, -1.5]]) })).toEqual([2]);
    const penalised = distributionOf(logits, { temperature: 0, presencePenalty: 2.5 }, Int32Array.of(1, 2));
    expect(Array.from(penalised.ids)).toEqual([0]);
  });

  it('stays finite at tiny temperatures and large logits', () => {
    const { probs } = distributionOf(Float32Array.of(3e38, -3e38, 3e38), { temperature: 1e-300 });
    expect(Array.from(probs)).toEqual([0.5, 0.5]);
  });

  it('keeps the K largest logits, smaller ids first among equals', () => {
    expectClose(distributionOf(tenths, { topK: 2 }), { 1: 4 / 7, 3: 3 / 7 });
    expect(idsOf(Float32Array.of(0, 1, 1, 1), { topK: 2 })).toEqual([1, 2]);
  });

  it('keeps everything when K is 0 or above the vocabulary size', () => {
    expect(idsOf(tenths, { topK: 0 })).toHaveLength(4);
    expect(idsOf(tenths, { topK: 9 })).toHaveLength(4);
  });

  it('keeps the likeliest tokens until their mass reaches P', () => {
    expect(idsOf(tenths, { topP: 0.39 })).toEqual([1]);
    expect(idsOf(tenths, { topP: 0.41 })).toEqual([1, 3]);
    expect(idsOf(tenths, { topP: 0.71 })).toEqual([1, 2, 3]);
  });

  it('stops as soon as the mass equals P, smaller ids first among equals', () => {
    expect(idsOf(new Float32Array(4), { topP: 0.5 })).toEqual([0, 1]);
  });

  it('always keeps the likeliest token', () => {
    expect(idsOf(tenths, { topP: 1e-9, minP: 1, typicalP: 1 })).toEqual([1]);
  });

  it('measures P over what top-k left', () => {
    // Of 0.4 and 0.3 alone the first has 4/7.
    expect(idsOf(tenths, { topK: 2, topP: 0.55 })).toEqual([1]);
  });

  it('keeps tokens of at least minP of the likeliest probability', () => {
    expectClose(distributionOf(tenths, { minP: 0.6 }), { 1: 4 / 7, 3: 3 / 7 });
    expect(idsOf(Float32Array.of(0, 0, -1), { minP: 1 })).toEqual([0, 1]);
  });

  it('keeps tokens whose surprise is nearest the entropy', () => {
    // Entropy 0.80; surprises 2.30, 0.36 and 1.61 are 1.50, 0.45 and 0.81 away from it.
    const logits = logitsOf(0.1, 0.7, 0.2);
    expect(idsOf(logits, { typicalP: 0.6 })).toEqual([1]);
    expect(idsOf(logits, { typicalP: 0.8 })).toEqual([1, 2]);
    // Entropy 1.47: the likeliest token, surprise 0.92, is further away than those of 0.2, surprise 1.61.
    expect(idsOf(logitsOf(0.4, 0.2, 0.2, 0.1, 0.1), { typicalP: 0.3 })).toEqual([1, 2]);
  });

  it('breaks ties of surprise by smaller id', () => {
    expect(idsOf(new Float32Array(3), { typicalP: 0.3 })).toEqual([0]);
  });

  it('applies DRY to what would extend a repetition', () => {
    const law = distributionOf(
      new Float32Array(3),
      { dryMultiplier: Math.log(2) },
      Int32Array.of(1, 2, 0, 1, 2),
    );
    expectClose(law, { 0: 0.2, 1: 0.4, 2: 0.4 });
  });

  it('drops tokens of logit -Infinity or NaN', () => {
    expectClose(distributionOf(Float32Array.of(-Infinity, 0, NaN, 0)), { 1: 0.5, 3: 0.5 });
    expect(idsOf(Float32Array.of(NaN, -Infinity, 0, 0), { topK: 3, topP: 0.5 })).toEqual([2]);
    expectClose(distributionOf(tenths, { logitBias: new Map([[1, -Infinity]]) }), {
      0: 1 / 6,
      2: 2 / 6,
      3: 3 / 6,
    });
  });

  it('leaves out tokens whose probability underflows to 0', () => {
    expect(idsOf(Float32Array.of(0, -800), {})).toEqual([0]);
  });

  it.each([
    ['no token is left', Float32Array.of(-Infinity, NaN)],
    ['the vocabulary is empty', new Float32Array()],
    ['a logit is +Infinity', Float32Array.of(0, Infinity)],
  ])('refuses logits of which %s', (_, logits) => {
    for (const temperature of [0, 1])
      expect(() => distributionOf(logits, { temperature })).toThrow(RangeError);
  });

  it('leaves the logits as they were', () => {
    const logits = Float32Array.of(1, 2);
    distributionOf(logits, { repeatPenalty: 2 }, Int32Array.of(0, 1));
    expect(logits).toEqual(Float32Array.of(1, 2));
  });
});

describe('distributionOf, for any logits and parameters', () => {
  const vocabSize = 12;
  const params: fc.Arbitrary<SamplingParams> = fc.record({
    temperature: fc.constantFrom(0, 0.3, 1, 2),
    topK: fc.nat(vocabSize + 2),
    topP: fc.constantFrom(0.1, 0.5, 0.9, 1),
    minP: fc.constantFrom(0, 0.05, 0.5, 1),
    typicalP: fc.constantFrom(0.2, 0.7, 1),
    repeatPenalty: fc.constantFrom(0.8, 1, 1.3),
    frequencyPenalty: fc.constantFrom(-0.5, 0, 0.5),
    dryMultiplier: fc.constantFrom(0, 0.8),
  });
  const logits = seed.map((value) => {
    const { probs } = randomModel(value, vocabSize).next([]);
    return Float32Array.from(probs, (prob) => 3 * Math.log(prob));
  });
  const history = fc.array(fc.nat(vocabSize - 1), { maxLength: 20 }).map((tokens) => Int32Array.from(tokens));
  const check = (predicate: (law: Distribution, params: SamplingParams, logits: Float32Array) => void) =>
    fc.assert(
      fc.property(logits, params, history, (row, chosen, past) => {
        predicate(distributionOf(row, chosen, past), chosen, row);
      }),
      { numRuns: 300 },
    );

  it('sums to 1 over ascending ids of positive probability', () => {
    check(({ ids, probs }) => {
      expect(probs.reduce((sum, prob) => sum + prob, 0)).toBeCloseTo(1, 12);
      expect(probs.every((prob) => prob > 0)).toBe(true);
      expect(Array.from(ids)).toEqual(Array.from(new Set(ids)).sort((one, other) => one - other));
    });
  });

  it('never keeps more than K tokens, nor more than one at temperature 0', () => {
    check(({ ids }, { topK, temperature }) => {
      expect(ids.length).toBeLessThanOrEqual(temperature === 0 ? 1 : topK! > 0 ? topK! : vocabSize);
    });
  });

  it('keeps no token below minP of the likeliest one', () => {
    check(({ probs }, { minP }) => {
      expect(Math.min(...probs) / Math.max(...probs)).toBeGreaterThanOrEqual(minP! - 1e-12);
    });
  });

  it('keeps the ratios of the survivors as they are without truncation', () => {
    const neutral = { topK: 0, topP: 1, minP: 0, typicalP: 1 };
    const warm = params.map((chosen) => ({ ...chosen, temperature: chosen.temperature || 1 }));
    fc.assert(
      fc.property(logits, warm, history, (row, chosen, past) => {
        const { ids, probs } = distributionOf(row, chosen, past);
        const whole = distributionOf(row, { ...chosen, ...neutral }, past);
        const kept = Array.from(ids, (token) => probabilityOf(whole, token));
        const mass = kept.reduce((sum, prob) => sum + prob, 0);
        kept.forEach((prob, index) => expect(probs[index]).toBeCloseTo(prob / mass, 12));
      }),
    );
  });
});
