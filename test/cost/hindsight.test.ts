import { describe, expect, it } from 'vitest';
import { ExpectedTokens } from '../../src/cost/expected-tokens.js';
import { Hindsight } from '../../src/cost/hindsight.js';

const maxNodes = 8;
const plainMs = 50;
const begun = { plainMs, beginTokens: 0 };

/** With a drafter that takes so many milliseconds to read a token, after so many plain tokens. */
function hindsight(readMsPerToken: number | undefined, numPlain = 0): Hindsight {
  const one = new Hindsight(new ExpectedTokens(maxNodes), maxNodes, readMsPerToken);
  for (let token = 0; token < numPlain; token++) one.count();
  return one;
}

const look = (accepted: readonly boolean[] | undefined, ms = 0) => ({ accepted, ms });

describe('when drafters look back', () => {
  it('has one that reads in next to no time look every few tokens, and no other', () => {
    expect(hindsight(0.1, 5).left(begun)).toBe(3);
    expect(hindsight(0.1, 20).left(begun)).toBe(0);
    for (const readMs of [1, 50, undefined]) expect(hindsight(readMs, 1000).left(begun)).toBe(Infinity);
  });

  it('has a text read once enough tokens came that this is a small share of the time', () => {
    const one = hindsight(0.1, 100);
    expect(one.left({ plainMs, beginTokens: 1 })).toBe(0);
    const left = one.left({ plainMs, beginTokens: 5 });
    expect(left).toBeGreaterThan(5 / 0.02 - 100);
    expect(left).toBeLessThan(5 / 0.01 - 100);
  });

  it('looks at most at as many tokens as a batch takes', () => {
    expect(hindsight(0.1, 20).numTokens).toBe(20);
    expect(hindsight(0.1, 2000).numTokens).toBe(64);
  });

  it('looks less often where looks take longer than they may, and not at all where all do', () => {
    const one = hindsight(0.1);
    /** Plain tokens before the next look after looks that took so many milliseconds for 16 tokens. */
    const leftAfter = (...times: number[]): number => {
      for (const ms of times) one.observe(look(new Array<boolean>(16).fill(true), ms), plainMs, false);
      return one.left(begun);
    };
    // One that took longer than the others does not speak for all.
    expect(leftAfter(2, 14)).toBe(8);
    expect(leftAfter(14, 14, 14)).toBe(16);
    expect(leftAfter(14)).toBe(32);
    expect(leftAfter(2)).toBe(16);
    expect(leftAfter(14, 14)).toBe(64);
    expect(leftAfter(14, 14, 14)).toBe(64);
    expect(leftAfter(14)).toBe(Infinity);
    one.begin();
    expect(one.left(begun)).toBe(64);
    expect(leftAfter(14)).toBe(Infinity);
  });

  it('watches a text from the first look on', () => {
    const one = hindsight(0.1, 16);
    expect(one.isWatching(plainMs)).toBe(false);
    one.observe(look(new Array<boolean>(16).fill(true), 1), plainMs, true);
    expect(one.isWatching(plainMs)).toBe(true);
    // Where plain tokens take next to no time, looks would take too long.
    expect(one.isWatching(plainMs / 10)).toBe(false);
    one.begin();
    expect(one.isWatching(plainMs)).toBe(false);
  });

  it('does not hold what came before a text against looks', () => {
    const one = hindsight(0.1, 16);
    one.observe(look(new Array<boolean>(16).fill(true), 500), plainMs, true);
    expect(one.left(begun)).toBe(8);
  });

  it('asks a drafter that cannot tell once a text', () => {
    const one = hindsight(0.1, 16);
    for (const nothing of [undefined, []]) {
      one.observe(look(nothing), plainMs, true);
      for (let token = 0; token < 100; token++) one.count();
      expect(one.left(begun)).toBe(Infinity);
      one.begin();
      expect(one.left(begun)).toBe(8);
    }
  });
});

describe('what was seen', () => {
  const tokens = (text: string): boolean[] => Array.from(text, (letter) => letter === 'x');
  /** Rounds in a row, by their sizes and how many of their tokens are accepted. */
  const rounds = (...all: readonly (readonly [size: number, run: number])[]): ExpectedTokens => {
    const expected = new ExpectedTokens(maxNodes);
    for (const [size, run] of all)
      expected.observe(
        size,
        Array.from({ length: run }, (_, node) => node),
      );
    return expected;
  };
  /** What it is convinced by where a round of each size takes as long as so many plain tokens, after these tokens. */
  const convinced = (text: string, costs: readonly number[]): ExpectedTokens | undefined => {
    const one = hindsight(0.1);
    one.observe(look(tokens(text)), plainMs, false);
    return one.convincing((numNodes) => costs[numNodes - 1]);
  };

  it('is what rounds would have brought that begin behind each wrong token', () => {
    const text = 'xx.x..xxxxxxx.xx';
    const behind = [
      [8, 0],
      [8, 7],
      [2, 2],
    ] as const;
    const seen = convinced(text, [1.6, 1.7])!;
    // From the first, the second and the third token on.
    const expected = rounds(
      ...([[8, 2], [8, 1], ...behind] as const),
      ...([[8, 1], [8, 1], ...behind] as const),
      ...([[8, 0], [8, 1], ...behind] as const),
    );
    expect(seen.toJSON()).toEqual(expected.toJSON());
  });

  it('convinces where rounds of some size would have taken no longer than they may', () => {
    const text = 'xx.xxxxxxxxx.xx.';
    const many = new Array<number>(8).fill(100);
    const at = (size: number, cost: number) => convinced(text, many.with(size - 1, cost));
    for (const [size, numRounds] of [
      [1, 9],
      [2, 6],
      [3, 5],
      [8, 4],
    ] as const) {
      expect(at(size, 16 / (1.25 * numRounds) - 0.01)).toBeDefined();
      expect(at(size, 16 / (1.25 * numRounds) + 0.01)).toBeUndefined();
    }
  });

  it('takes a run that the last token ends for a part of a round', () => {
    // Of seven draft tokens: one round of eight tokens, and another.
    const cost = [...new Array<number>(6).fill(100), 16 / (1.25 * 2)];
    expect(convinced('x'.repeat(16), cost.with(6, cost[6]! - 0.01))).toBeDefined();
    expect(convinced('x'.repeat(16), cost.with(6, cost[6]! + 0.01))).toBeUndefined();
    // Of fifteen: one in all.
    const one = new Hindsight(new ExpectedTokens(15), 15, 0.1);
    one.observe(look(tokens('x'.repeat(16))), plainMs, false);
    expect(one.convincing((size) => (size === 15 ? 16 / 1.25 - 0.01 : 100))).toBeDefined();
    expect(one.convincing((size) => (size === 15 ? 16 / 1.25 + 0.01 : 100))).toBeUndefined();
  });

  it('convinces by few tokens only if drafts would have been much faster', () => {
    const costs = new Array<number>(8).fill(3);
    const bad = 'x.'.repeat(8);
    expect(convinced(bad + bad, costs)).toBeUndefined();
    expect(convinced(bad + 'x'.repeat(16), costs)).toBeDefined();
    const slightly = new Array<number>(8).fill(100).with(6, 16 / (1.2 * 2));
    expect(convinced('x'.repeat(16), slightly)).toBeUndefined();
    expect(convinced('x'.repeat(32), slightly)).toBeDefined();
    expect(convinced('x'.repeat(32), [])).toBeUndefined();
  });

  it('is nothing of a few tokens, of another text or from before drafts were made', () => {
    const one = hindsight(0.1);
    const isConvinced = (): boolean => one.convincing(() => 1) !== undefined;
    one.observe(look(tokens('xxxxxxxxxxxxxxx')), plainMs, false);
    expect(isConvinced()).toBe(false);
    one.observe(look(tokens('x')), plainMs, false);
    expect(isConvinced()).toBe(true);
    one.drafted(1);
    expect(isConvinced()).toBe(false);
    one.observe(look(tokens('xxxxxxxxxxxxxxxxxxxx')), plainMs, false);
    one.begin();
    expect(isConvinced()).toBe(false);
  });

  it('is nothing across tokens that were not looked at', () => {
    const one = hindsight(0.1, 20);
    const isConvinced = (): boolean => one.convincing(() => 1) !== undefined;
    one.observe(look(tokens('xxxxxxxxxxxxxxxxxxxx')), plainMs, false);
    expect(isConvinced()).toBe(true);
    for (let token = 0; token < 9; token++) one.count();
    one.observe(look(tokens('xxxxxxxx')), plainMs, false);
    expect(isConvinced()).toBe(false);
  });

  it('is forgotten where it was believed in, and drafts were given up', () => {
    const one = hindsight(0.1);
    one.observe(look(tokens('xxxxxxxxxxxxxxxxxxxx')), plainMs, false);
    one.settle(1);
    expect(one.convincing(() => 1)).toBeDefined();
    one.trust();
    one.settle(1);
    expect(one.convincing(() => 1)).toBeUndefined();
  });

  it('is not believed in again at once where that has lost', () => {
    const one = hindsight(0.1);
    one.drafted(-5);
    one.settle(1);
    expect(one.mayTrust(1)).toBe(true);
    one.trust();
    one.drafted(1);
    one.drafted(-3);
    one.settle(1);
    for (let token = 0; token < 99; token++) one.count();
    expect(one.mayTrust(1)).toBe(false);
    // Fewer threads compute.
    expect(one.mayTrust(0.5)).toBe(true);
    one.count();
    expect(one.mayTrust(1)).toBe(true);
  });
});
