import { describe, expect, it } from 'vitest';
import { ExpectedTokens } from '../../src/cost/expected-tokens.js';
import type { AcceptedCounts } from '../../src/metrics/fading-rates.js';

describe('expected tokens', () => {
  it('begin with a mediocre drafter, rising less and less', () => {
    const accepted = Array.from(new ExpectedTokens(8).accepted());
    expect(accepted[0]).toBe(0);
    expect(accepted[1]).toBeCloseTo(0.8);
    for (let nodes = 2; nodes <= 8; nodes++) {
      const [rise, before] = [
        accepted[nodes]! - accepted[nodes - 1]!,
        accepted[nodes - 1]! - accepted[nodes - 2]!,
      ];
      expect(rise).toBeGreaterThan(0);
      expect(rise).toBeLessThan(before);
    }
  });

  it('tell of all sizes up to the one that was drafted', () => {
    const tokens = new ExpectedTokens(8);
    // A tree: the second and the fifth node were accepted.
    for (let round = 0; round < 60; round++) tokens.observe(6, [1, 4]);
    const accepted = tokens.accepted();
    expect(accepted[1]).toBeLessThan(0.2);
    expect(accepted[6]).toBeLessThan(2.05);
  });

  it('of a chain are the means over rounds, and go on beyond the longest one', () => {
    const tokens = new ExpectedTokens(16);
    for (let round = 0; round < 200; round++) {
      // 0.8 to the k for each k: exact means over five rounds.
      tokens.observe(4, [0, 1, 2, 3].slice(0, [4, 4, 4, 4, 0][round % 5]));
    }
    const accepted = tokens.accepted();
    expect(accepted[1]).toBeCloseTo(0.8, 1);
    expect(accepted[4]).toBeCloseTo(3.2, 0);
    expect(accepted[8]).toBeGreaterThan(accepted[4]! + 2);
  });

  it('speak for half as large again as what was drafted in three rounds', () => {
    const tokens = new ExpectedTokens(16);
    expect(tokens.reach).toBe(0);
    for (const reach of [0, 0, 6]) {
      tokens.observe(4, [0, 1]);
      expect(tokens.reach).toBe(reach);
    }
    tokens.observe(8, []);
    expect(tokens.reach).toBe(6);
  });

  it('tell how many tokens there are of those that were asked for', () => {
    const tokens = new ExpectedTokens(8);
    expect(Array.from(tokens.drafted())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    // Of every other draft there is only the first token.
    for (let round = 0; round < 200; round++) tokens.observe(4, [0], round % 2 === 0 ? 1 : 4);
    const drafted = tokens.drafted();
    expect(drafted[1]).toBe(1);
    expect(drafted[4]).toBeCloseTo(2.5, 1);
    expect(drafted[8]).toBeCloseTo(4.5, 0);
    const adopting = new ExpectedTokens(8);
    adopting.adopt(tokens);
    expect(adopting.drafted()).toEqual(drafted);
    tokens.begin();
    expect(tokens.drafted()).toEqual(drafted);
    // Kept for another process.
    const again = new ExpectedTokens(8, JSON.parse(JSON.stringify(tokens)) as AcceptedCounts);
    expect(again.drafted()).toEqual(drafted);
    // A text of another kind: nothing is accepted any more, and the short memory, which knows as much of drafts, is believed.
    for (let round = 0; round < 8; round++) tokens.observe(4, [], 4);
    expect(tokens.accepted()[4]).toBeLessThan(tokens.usual()[4]! - 0.2);
    expect(tokens.drafted()[4]).toBeGreaterThan(drafted[4]! + 0.5);
    expect(tokens.drafted()[4]).toBeLessThan(3.99);
    expect(tokens.usuallyDrafted()[4]).toBeLessThan(tokens.drafted()[4]!);
  });

  it('forget what was long ago', () => {
    const tokens = new ExpectedTokens(4);
    for (let round = 0; round < 100; round++) tokens.observe(4, [0, 1, 2, 3]);
    for (let round = 0; round < 20; round++) tokens.observe(4, []);
    expect(tokens.accepted()[4]).toBeLessThan(1.3);
  });

  it('follow a text of another kind in a few rounds, and are not moved much by what happens now and then', () => {
    const tokens = new ExpectedTokens(4);
    // Three of four rounds are accepted whole.
    for (let round = 0; round < 100; round++) tokens.observe(4, round % 4 === 0 ? [] : [0, 1, 2, 3]);
    expect(tokens.accepted()[4]).toBeCloseTo(3, 0);
    for (let round = 0; round < 2; round++) tokens.observe(4, []);
    expect(tokens.accepted()[4]).toBeGreaterThan(2.5);
    for (let round = 0; round < 6; round++) tokens.observe(4, []);
    expect(tokens.accepted()[4]).toBeLessThan(1.5);
    for (let round = 0; round < 8; round++) tokens.observe(4, [0, 1, 2, 3]);
    expect(tokens.accepted()[4]).toBeGreaterThan(2.5);
  });

  it('are kept as plain data, and ignored where they are of another size', () => {
    const tokens = new ExpectedTokens(4);
    for (let round = 0; round < 5; round++) tokens.observe(4, [0, 1]);
    const json = JSON.parse(JSON.stringify(tokens)) as ReturnType<ExpectedTokens['toJSON']>;
    expect(new ExpectedTokens(4, json).accepted()).toEqual(tokens.accepted());
    expect(new ExpectedTokens(5, json).accepted()).toEqual(new ExpectedTokens(5).accepted());
    const other = new ExpectedTokens(4);
    other.adopt(tokens);
    expect(other.accepted()).toEqual(tokens.accepted());
  });
});
