import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { areNativeRows, nativeRules } from '../../src/model/native-verifiers.js';
import { NativeDistributionRows } from '../../src/model/sampler.js';
import { ArrayRows } from '../../src/sampling/distribution.js';
import { TokenTree } from '../../src/tree/token-tree.js';
import type { Verifier } from '../../src/verify/verifier.js';
import { dense } from '../helpers/table-model.js';
import {
  compareTwins,
  nativeVerdictOf,
  twins,
  verdictOf,
  type PlainRound,
} from '../helpers/verdict-parity.js';

const numRounds = 20_000;
const byName = (name: string): Verifier => twins.find((twin) => twin.name === name)!;

/** One drafted token, 0, of target probability a quarter and draft probability a half. */
function singleToken(accept: number, draw: number): PlainRound {
  return {
    tree: TokenTree.chain([0]),
    targetRows: [dense(0.25, 0.5, 0.25), dense(0.5, 0.25, 0.25)],
    draftRows: [dense(0.5, 0.25, 0.25)],
    uniforms: { accept: Float64Array.of(accept), sample: Float64Array.of(draw, draw) },
  };
}

/** The largest double below `value`, which is in (0, 1]. */
const below = (value: number): number => value * (1 - 2 ** -53);

describe.each(twins)('the native twin of $name', (verifier) => {
  it(`gives the same verdict on ${numRounds} random rounds`, () => {
    const { numAccepting, numRejecting } = compareTwins(verifier, 1, numRounds);
    expect(numAccepting).toBeGreaterThan(numRounds / 10);
    expect(numRejecting).toBeGreaterThan(numRounds / 10);
  });

  it('samples the same bonus token for a draft of nothing', () => {
    const round: PlainRound = {
      tree: TokenTree.chain([]),
      targetRows: [dense(0.5, 0, 0.5)],
      draftRows: [],
      uniforms: { accept: new Float64Array(), sample: Float64Array.of(0.5) },
    };
    expect(nativeVerdictOf(verifier, round)).toMatchObject({
      acceptedNodes: [],
      nextToken: 2,
      nextTokenKind: 'bonus',
    });
  });

  it('looks at no rows behind those of the tree', () => {
    const round = singleToken(0, 0);
    const filled = { ...round, targetRows: [...round.targetRows, dense(0, 0, 1)] };
    expect(nativeVerdictOf(verifier, filled)).toEqual(nativeVerdictOf(verifier, round));
  });

  it.each<[string, Partial<PlainRound>]>([
    ['target rows', { targetRows: [dense(1)] }],
    ['accept uniforms', { uniforms: { accept: new Float64Array(2), sample: new Float64Array(2) } }],
    ['sample uniforms', { uniforms: { accept: new Float64Array(1), sample: new Float64Array(1) } }],
  ])('refuses a wrong number of %s with a ShapeError that names them', (what, change) => {
    const verify = () => nativeVerdictOf(verifier, { ...singleToken(0, 0), ...change });
    expect(verify).toThrow(ShapeError);
    expect(verify).toThrow(what);
  });

  it('has a name that is listed as native', () => {
    expect(nativeRules.has(verifier.name)).toBe(true);
  });
});

describe('uniforms on a threshold', () => {
  it.each(['rejection', 'block'])('reject exactly at the acceptance probability with %s', (name) => {
    const verifier = byName(name);
    for (const [accept, acceptedNodes] of [
      [below(0.5), [0]],
      [0.5, []],
    ] as const) {
      const verdict = nativeVerdictOf(verifier, singleToken(accept, 0));
      expect(verdict.acceptedNodes).toEqual(acceptedNodes);
      expect(verdict).toEqual(verdictOf(verifier, singleToken(accept, 0)));
    }
  });

  it.each([
    [below(0.5), 0],
    [0.5, 1],
    [below(0.75), 1],
    [0.75, 2],
    [below(1), 2],
  ])('draw the next token exactly at a cumulative sum: %d draws %d', (draw, bonus) => {
    for (const verifier of [byName('rejection'), byName('block')]) {
      const verdict = nativeVerdictOf(verifier, singleToken(0, draw));
      expect(verdict).toEqual({ acceptedNodes: [0], nextToken: bonus, nextTokenKind: 'bonus' });
    }
  });

  it.each([
    [below(0.25), 'bonus'],
    [0.25, 'recovered'],
  ])('match up to a cumulative sum and not at it: %d gives a %s token', (draw, kind) => {
    const round = singleToken(0, draw);
    expect(nativeVerdictOf(byName('match'), round).nextTokenKind).toBe(kind);
    expect(verdictOf(byName('match'), round).nextTokenKind).toBe(kind);
  });
});

describe('native twins', () => {
  it('refuse a branching tree where the rule knows chains only', () => {
    const branching: PlainRound = {
      tree: new TokenTree([0, 1], [-1, -1]),
      targetRows: [dense(1, 1), dense(1, 1), dense(1, 1)],
      draftRows: undefined,
      uniforms: { accept: new Float64Array(2), sample: new Float64Array(2) },
    };
    expect(() => nativeVerdictOf(byName('block'), branching)).toThrow(ShapeError);
    expect(() => nativeVerdictOf(byName('match'), branching)).not.toThrow();
  });

  it('read native rows only', () => {
    const native = NativeDistributionRows.pack([dense(1)]);
    const plain = new ArrayRows([dense(1)]);
    expect(areNativeRows(native, undefined)).toBe(true);
    expect(areNativeRows(native, native)).toBe(true);
    expect(areNativeRows(native, plain)).toBe(false);
    expect(areNativeRows(plain, undefined)).toBe(false);
  });
});
