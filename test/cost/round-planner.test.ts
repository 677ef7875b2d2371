import { describe, expect, it } from 'vitest';
import { FixedPlanner } from '../../src/cost/round-planner.js';

/** Rounds that are plain among the first so many, and tokens of each. */
function plainRounds(
  planner: FixedPlanner,
  numRounds: number,
): [round: number, numTokens: number | undefined][] {
  return Array.from({ length: numRounds }, () => planner.plan()).flatMap(
    ({ isPlain, numPlainTokens }, round) =>
      isPlain ? [[round, numPlainTokens] as [number, number | undefined]] : [],
  );
}

describe('a fixed number of draft tokens', () => {
  it('is left out once in a while to measure plain decoding', () => {
    expect(plainRounds(new FixedPlanner(4, true), 30)).toEqual([
      [4, 1],
      [12, 1],
      [28, 1],
    ]);
    expect(plainRounds(new FixedPlanner(4, false), 30)).toEqual([]);
    expect(plainRounds(new FixedPlanner(0, true), 30)).toEqual([]);
  });

  it('is left out later, and for more tokens, where the first batches of another size are slow', () => {
    expect(plainRounds(new FixedPlanner(4, true, true), 60)).toEqual([
      [16, 5],
      [48, 5],
    ]);
  });
});
