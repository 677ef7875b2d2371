import { describe, expect, it } from 'vitest';
import { FixedPlanner } from '../../src/cost/round-planner.js';

type Plain = readonly [round: number, numTokens: number, isSettling: boolean];

/** Calls that decode plainly among the first so many rounds. */
function plainRounds(planner: FixedPlanner, numRounds: number): Plain[] {
  const found: Plain[] = [];
  for (let round = 0; round < numRounds;) {
    const { isPlain, numPlainTokens = 1, isSettling = false } = planner.plan();
    if (isPlain) found.push([round, numPlainTokens, isSettling]);
    for (let token = 0; token < (isPlain ? numPlainTokens : 1); token++) {
      planner.observe({ isPlain });
      round += 1;
    }
  }
  return found;
}

describe('a fixed number of draft tokens', () => {
  it('is left out once in a while to measure plain decoding', () => {
    expect(plainRounds(new FixedPlanner(4, true), 30)).toEqual([
      [4, 1, false],
      [12, 1, false],
      [28, 1, false],
    ]);
    expect(plainRounds(new FixedPlanner(4, false), 30)).toEqual([]);
    expect(plainRounds(new FixedPlanner(0, true), 30)).toEqual([]);
  });

  it('is left out later where the first batches of another size are slow, and measures after those', () => {
    expect(plainRounds(new FixedPlanner(4, true, true), 32)).toEqual([
      [8, 2, true],
      [10, 3, false],
      [28, 2, true],
      [30, 3, false],
    ]);
  });
});
