// Defaults and checks of sampling parameters. Knows nothing of logits.
import type { SamplingParams } from '../types.js';

/** Sampling parameters with every default filled in. */
export type ResolvedSampling = Required<SamplingParams>;

const neutral: ResolvedSampling = {
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
};

interface NumberRule {
  readonly expected: string;
  readonly accepts: (value: number) => boolean;
}

const finite: NumberRule = { expected: 'a finite number', accepts: Number.isFinite };
const share: NumberRule = { expected: 'a number in (0, 1]', accepts: (value) => value > 0 && value <= 1 };
const integerFrom = (least: number): NumberRule => ({
  expected: `an integer of at least ${least}`,
  accepts: (value) => Number.isSafeInteger(value) && value >= least,
});
const finiteFrom = (least: number): NumberRule => ({
  expected: `a finite number of at least ${least}`,
  accepts: (value) => Number.isFinite(value) && value >= least,
});

const numberRules: Record<Exclude<keyof SamplingParams, 'logitBias' | 'drySequenceBreakers'>, NumberRule> = {
  repeatPenalty: {
    expected: 'a finite number above 0',
    accepts: (value) => Number.isFinite(value) && value > 0,
  },
  frequencyPenalty: finite,
  presencePenalty: finite,
  penaltyLastN: integerFrom(-1),
  dryMultiplier: finiteFrom(0),
  dryBase: finiteFrom(1),
  dryAllowedLength: integerFrom(1),
  dryPenaltyLastN: integerFrom(-1),
  temperature: finiteFrom(0),
  topK: integerFrom(0),
  topP: share,
  minP: { expected: 'a number in [0, 1]', accepts: (value) => value >= 0 && value <= 1 },
  typicalP: share,
};

/**
 * Checks sampling parameters; fields that are undefined pass.
 * @throws {TypeError} on unknown keys (the message names the nearest known one) and on values of a wrong type
 * @throws {RangeError} on numbers out of range
 */
export function validateSampling(params: SamplingParams): void {
  if (typeof params !== 'object' || params === null) fail(TypeError, 'an object', 'sampling', params);
  for (const [key, value] of Object.entries(params)) {
    if (!Object.hasOwn(neutral, key)) {
      const nearest = nearestOf(key, Object.keys(neutral));
      throw new TypeError(
        `Expected known keys for sampling but received '${key}'. Did you mean '${nearest}'?`,
      );
    }
    if (value === undefined) continue;
    if (key === 'logitBias') checkLogitBias(value);
    else if (key === 'drySequenceBreakers') checkBreakers(value);
    else checkNumber(key, value, numberRules[key as keyof typeof numberRules]);
  }
}

/**
 * Checks sampling parameters and fills in the defaults.
 * @throws {TypeError | RangeError} as {@link validateSampling}
 */
export function resolveSampling(params: SamplingParams = {}): ResolvedSampling {
  validateSampling(params);
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  return { ...neutral, ...Object.fromEntries(given) };
}

function checkNumber(name: string, value: unknown, rule: NumberRule): void {
  if (typeof value !== 'number') fail(TypeError, rule.expected, name, value);
  if (!rule.accepts(value)) fail(RangeError, rule.expected, name, value);
}

function checkLogitBias(value: unknown): void {
  if (!(value instanceof Map)) fail(TypeError, 'a Map from token id to number', 'logitBias', value);
  for (const [token, bias] of value) {
    checkNumber('a token of logitBias', token, integerFrom(0));
    checkNumber(`logitBias of token ${token}`, bias, {
      expected: 'a number below Infinity',
      accepts: (number) => number < Infinity,
    });
  }
}

function checkBreakers(value: unknown): void {
  if (!Array.isArray(value)) fail(TypeError, 'an array of token ids', 'drySequenceBreakers', value);
  for (const token of value) checkNumber('a token of drySequenceBreakers', token, integerFrom(0));
}

function fail(
  kind: typeof TypeError | typeof RangeError,
  expected: string,
  name: string,
  value: unknown,
): never {
  throw new kind(`Expected ${expected} for ${name} but received ${String(value)}`);
}

function nearestOf(key: string, known: readonly string[]): string {
  const distances = known.map((candidate) => editDistance(key.toLowerCase(), candidate.toLowerCase()));
  return known[distances.indexOf(Math.min(...distances))]!;
}

function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line++) {
    const next = [line];
    for (let column = 1; column <= to.length; column++) {
      const replaced = row[column - 1]! + (from[line - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
