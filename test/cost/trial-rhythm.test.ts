import { describe, expect, it } from 'vitest';
import { TrialRhythm } from '../../src/cost/trial-rhythm.js';
import { undraftedRound } from '../../src/metrics/counters.js';

const choice = { numNodes: 4, maxNodes: 16, reach: 12, patience: 1 };
const record = undraftedRound({ isPlain: false, draftMs: 1, decodeMs: 10, verifyMs: 0, roundMs: 11 });

/** The sizes tried in so many rounds, by the round that they come after. */
function tries(numRounds: number, patience: number, numAccepted: number): [round: number, size: number][] {
  const rhythm = new TrialRhythm();
  const found: [number, number][] = [];
  for (let round = 1; round <= numRounds; round++) {
    rhythm.count();
    rhythm.observe({ ...record, numDraftTokens: 4, numAccepted }, 4);
    const size = rhythm.next({ ...choice, patience });
    if (size !== undefined) found.push([round, size]);
  }
  return found;
}

describe('tries of another size', () => {
  it('come after the sixth round and then every 24, larger ones mostly', () => {
    expect(tries(100, 1, 2)).toEqual([
      [6, 6],
      [30, 10],
      [54, 2],
      [78, 6],
    ]);
  });

  it('come after four rounds that were accepted whole, then after twice as many', () => {
    expect(tries(13, 1, 4)).toEqual([
      [4, 6],
      [6, 6],
      [12, 6],
    ]);
  });

  it('are as much further apart as they cost more', () => {
    expect(tries(100, 2, 2).map(([round]) => round)).toEqual([12, 60]);
    expect(tries(9, 2, 4).map(([round]) => round)).toEqual([8]);
  });

  it('are no larger than what is known allows', () => {
    const rhythm = new TrialRhythm();
    for (let round = 0; round < 30; round++) rhythm.count();
    expect(rhythm.next({ ...choice, reach: 7 })).toBe(7);
    expect(rhythm.next({ ...choice, reach: 7, maxNodes: 5 })).toBe(5);
  });
});
