import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveSampling } from '../../src/sampling/params.js';
import { applyDry, applyLogitBias, applyPenalties } from '../../src/sampling/penalties.js';
import type { SamplingParams } from '../../src/types.js';

type Step = (logits: Float64Array, history: Int32Array, params: Required<SamplingParams>) => void;

function after(step: Step, logits: number[], history: number[], params: SamplingParams): number[] {
  const changed = Float64Array.from(logits);
  step(changed, Int32Array.from(history), resolveSampling(params));
  return Array.from(changed);
}

describe('applyLogitBias', () => {
  const biased = (logits: number[], bias: [number, number][]) =>
    after((values, _, params) => applyLogitBias(values, params), logits, [], { logitBias: new Map(bias) });

  it('adds to single tokens, and forbids with -Infinity', () => {
    expect(
      biased(
        [1, 2, 3],
        [
          [0, 0.5],
          [2, -Infinity],
        ],
      ),
    ).toEqual([1.5, 2, -Infinity]);
  });

  it('passes over tokens outside the vocabulary', () => {
    expect(biased([1], [[5, 1]])).toEqual([1]);
  });
});

describe('applyPenalties', () => {
  const penalised = (logits: number[], history: number[], params: SamplingParams) =>
    after(applyPenalties, logits, history, params);

  it('divides positive and multiplies other logits of repeated tokens', () => {
    expect(penalised([4, -4, 0, 4], [0, 1, 2], { repeatPenalty: 2 })).toEqual([2, -8, 0, 4]);
  });

  it('takes the frequency penalty once per occurrence and the presence penalty once', () => {
    const params = { frequencyPenalty: 0.5, presencePenalty: 0.25 };
    expect(penalised([1, 1, 1], [0, 0, 1, 0], params)).toEqual([-0.75, 0.25, 1]);
  });

  it('scales before it subtracts', () => {
    expect(penalised([4], [0], { repeatPenalty: 2, presencePenalty: 1 })).toEqual([1]);
  });

  it('sees the last penaltyLastN tokens only', () => {
    const params = { presencePenalty: 1, penaltyLastN: 2 };
    expect(penalised([0, 0, 0], [0, 1, 2], params)).toEqual([0, -1, -1]);
  });

  it('sees nothing with 0 and everything with -1', () => {
    const history = [0, ...new Array<number>(100).fill(1)];
    expect(penalised([0], history, { presencePenalty: 1, penaltyLastN: 0 })).toEqual([0]);
    expect(penalised([0], history, { presencePenalty: 1, penaltyLastN: -1 })).toEqual([-1]);
  });

  it('sees 64 tokens by default', () => {
    const params = { presencePenalty: 1 };
    expect(penalised([0], [0, ...new Array<number>(63).fill(1)], params)).toEqual([-1]);
    expect(penalised([0], [0, ...new Array<number>(64).fill(1)], params)).toEqual([0]);
  });

  it('passes over tokens outside the vocabulary', () => {
    expect(penalised([1], [7, -1], { presencePenalty: 1 })).toEqual([1]);
  });
});

/** The rule of the doc comment by comparing every pair of runs token for token. */
function plainDry(logits: number[], history: number[], params: Required<SamplingParams>): number[] {
  const window =
    params.dryPenaltyLastN === -1
      ? history
      : history.slice(Math.max(0, history.length - params.dryPenaltyLastN));
  const isBreaker = (token: number) => params.drySequenceBreakers.includes(token);
  const longest = new Map<number, number>();
  for (let end = 0; end < window.length - 1; end++) {
    let length = 0;
    while (
      length <= end &&
      window[end - length] === window.at(-1 - length) &&
      !isBreaker(window[end - length]!)
    ) {
      length += 1;
    }
    const follower = window[end + 1]!;
    if (!isBreaker(follower)) longest.set(follower, Math.max(longest.get(follower) ?? 0, length));
  }
  return logits.map((logit, token) => {
    const length = longest.get(token) ?? 0;
    if (length < params.dryAllowedLength) return logit;
    return logit - params.dryMultiplier * params.dryBase ** (length - params.dryAllowedLength);
  });
}

describe('applyDry', () => {
  const dried = (logits: number[], history: number[], params: SamplingParams) =>
    after(applyDry, logits, history, { dryMultiplier: 1, dryBase: 2, ...params });

  it('penalises the token that would extend a repeated run, more for longer runs', () => {
    // The end "1 2 3" occurred before and 4 followed; its tail "2 3" occurred before and 5 followed.
    expect(dried([0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 2, 3, 5, 1, 2, 3], {})).toEqual([0, 0, 0, 0, -2, -1]);
  });

  it('leaves runs shorter than the allowed length alone', () => {
    expect(dried([0, 0, 0], [1, 2, 1], {})).toEqual([0, 0, 0]);
    expect(dried([0, 0, 0], [1, 2, 1], { dryAllowedLength: 1 })).toEqual([0, 0, -1]);
  });

  it('takes the longest run of each token', () => {
    expect(dried([0, 0, 0, 0], [2, 3, 1, 2, 3, 1, 2], { dryAllowedLength: 1 })).toEqual([0, 0, 0, -8]);
  });

  it('stops a run at a breaker', () => {
    const history = [1, 2, 9, 3, 0, 1, 2, 9, 3];
    expect(dried([0], history, {})).toEqual([-4]);
    expect(dried([0], history, { drySequenceBreakers: [9], dryAllowedLength: 1 })).toEqual([-1]);
  });

  it('never penalises a breaker', () => {
    expect(dried([0, 0, 0], [1, 2, 0, 1, 2], {})[0]).toBe(-1);
    expect(dried([0, 0, 0], [1, 2, 0, 1, 2], { drySequenceBreakers: [0] })[0]).toBe(0);
  });

  it('sees the last dryPenaltyLastN tokens only', () => {
    expect(dried([0], [1, 2, 0, 5, 1, 2], { dryPenaltyLastN: 6 })).toEqual([-1]);
    expect(dried([0], [1, 2, 0, 5, 1, 2], { dryPenaltyLastN: 5 })).toEqual([0]);
  });

  it('keeps the penalty of a very long run finite', () => {
    const [logit] = dried([0], new Array<number>(2000).fill(0), {});
    expect(logit).toBe(-Number.MAX_VALUE);
  });

  it('agrees with comparing every pair of runs', () => {
    const token = fc.nat(2);
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 30 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: -1, max: 30 }),
        fc.uniqueArray(token, { maxLength: 1 }),
        (history, dryAllowedLength, dryPenaltyLastN, drySequenceBreakers) => {
          const params = {
            dryMultiplier: 0.5,
            dryBase: 2,
            dryAllowedLength,
            dryPenaltyLastN,
            drySequenceBreakers,
          };
          const logits = [3, 2, 1];
          expect(dried(logits, history, params)).toEqual(plainDry(logits, history, resolveSampling(params)));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
