import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sampler } from '../../src/model/sampler.js';
import { distributionOf } from '../../src/sampling/transforms.js';
import type { SamplingParams } from '../../src/types.js';

const vocabSize = 40;
const token = fc.nat(vocabSize - 1);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });

const params: fc.Arbitrary<SamplingParams> = fc.record({
  logitBias: maybe(
    fc
      .array(fc.tuple(fc.nat(vocabSize + 2), fc.oneof(number(-5, 5), fc.constant(-Infinity))), {
        maxLength: 4,
      })
      .map((entries) => new Map(entries)),
  ),
  repeatPenalty: maybe(number(0.5, 2)),
  frequencyPenalty: maybe(number(-1, 1)),
  presencePenalty: maybe(number(-1, 1)),
  penaltyLastN: maybe(fc.integer({ min: -1, max: 30 })),
  dryMultiplier: maybe(number(0, 2)),
  dryBase: maybe(number(1, 3)),
  dryAllowedLength: maybe(fc.integer({ min: 1, max: 4 })),
  dryPenaltyLastN: maybe(fc.integer({ min: -1, max: 30 })),
  drySequenceBreakers: maybe(fc.array(token, { maxLength: 3 })),
  temperature: maybe(fc.oneof(fc.constant(0), number(0.1, 3))),
  topK: maybe(fc.nat(vocabSize + 5)),
  topP: maybe(number(0.05, 1)),
  minP: maybe(number(0, 1)),
  typicalP: maybe(number(0.05, 1)),
});
/** Coarse values make ties common. */
const logit = fc.oneof(number(-8, 8), fc.integer({ min: -3, max: 3 }), fc.constant(-Infinity));
const logits = fc
  .array(logit, { minLength: vocabSize, maxLength: vocabSize })
  .map((values) => Float32Array.from([...values.slice(1), 1]));
/** Few different tokens make repeated runs common. */
const history = fc.array(fc.oneof(fc.nat(3), token), { maxLength: 60 }).map((ids) => Int32Array.from(ids));

/** What the TypeScript chain gives, or undefined where it says that no token is left. */
function expectedOf(...input: Parameters<typeof distributionOf>) {
  try {
    return distributionOf(...input);
  } catch {
    return undefined;
  }
}

describe('the native sampler chain', () => {
  it('gives what the TypeScript chain gives', () => {
    const agrees = fc.property(logits, params, history, (row, sampling, past) => {
      const expected = expectedOf(row, sampling, past);
      const sampler = new Sampler(sampling);
      if (expected === undefined) {
        expect(() => sampler.distribution(row, past)).toThrow(/finite logit/);
        return;
      }
      const received = sampler.distribution(row, past);
      expect(Array.from(received.ids)).toEqual(Array.from(expected.ids));
      const distance = received.probs.map((prob, index) => Math.abs(prob - expected.probs[index]!));
      expect(Math.max(...distance)).toBeLessThanOrEqual(1e-12);
    });
    fc.assert(agrees, { numRuns: 3000, seed: 7 });
  });

  it('takes the smallest id on a tie at temperature 0', () => {
    const { ids } = new Sampler({ temperature: 0 }).distribution(Float32Array.of(0, 2, 2));
    expect(Array.from(ids)).toEqual([1]);
  });

  it('leaves the logits as they were', () => {
    const row = Float32Array.of(1, 2, 3);
    new Sampler({ presencePenalty: 1, temperature: 0.5, topK: 2 }).distribution(row, Int32Array.of(2));
    expect(Array.from(row)).toEqual([1, 2, 3]);
  });

  it.each<[boolean, SamplingParams]>([
    [false, { temperature: 0.7, topK: 5, penaltyLastN: 3 }],
    [true, { repeatPenalty: 1.1 }],
    [true, { frequencyPenalty: 0.1 }],
    [true, { presencePenalty: 0.1 }],
    [true, { dryMultiplier: 0.1 }],
  ])('says %s to the question whether it needs history for %j', (needsHistory, sampling) => {
    expect(new Sampler(sampling).needsHistory).toBe(needsHistory);
  });

  it('refuses parameters as the TypeScript chain does', () => {
    expect(() => new Sampler({ topP: 0 })).toThrow(RangeError);
    expect(() => new Sampler({ topk: 3 } as SamplingParams)).toThrow(/topK/);
  });
});
