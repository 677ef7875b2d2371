import { describe, expect, it } from 'vitest';
import { RoundCost } from '../../src/cost/round-cost.js';
import { steadyMean } from '../../src/cost/size-curve.js';
import type { RoundRecord } from '../../src/metrics/counters.js';

const calibration = {
  batches: [1, 5].map((numTokens) => ({ numTokens, contextLength: 0, ms: 10 * numTokens })),
  drafts: [{ numNodes: 4, ms: 4 }],
};

function round(numDraftTokens: number, draftMs: number, decodeMs: number, verifyMs = 0): RoundRecord {
  return {
    numDraftTokens,
    draftDepth: numDraftTokens,
    bias: 0,
    numAccepted: 0,
    acceptedNodes: [],
    isPlain: numDraftTokens === 0,
    draftMs,
    decodeMs,
    verifyMs,
    roundMs: draftMs + decodeMs + verifyMs,
  };
}

describe('the cost of a round', () => {
  it('is the sum of its parts at first, verifying where it was measured', () => {
    expect(new RoundCost(calibration).predict(4, 0)).toBeCloseTo(54);
    const verifications = [{ numNodes: 4, ms: 2 }];
    expect(new RoundCost({ ...calibration, verifications }).predict(4, 0)).toBeCloseTo(56);
  });

  it('of a draft that nothing came of has the look at it in it, and a plain one has not', () => {
    const cost = new RoundCost(calibration);
    for (let index = 0; index < 5; index++) cost.observe({ ...round(0, 3, 15), isPlain: false }, 0);
    expect(cost.predictDrafted(0, 0)).toBeCloseTo(13);
    expect(cost.predictDrafted(2, 0)).toBeCloseTo(30 + 3.5);
    expect(cost.predict(0, 0)).toBeCloseTo(10);
    for (let index = 0; index < 5; index++) cost.observe(round(0, 9, 10), 0);
    expect(cost.predictDrafted(0, 0)).toBeCloseTo(13);
  });

  it('follows rounds that take longer than their parts, whose sizes never stay', () => {
    const cost = new RoundCost(calibration);
    for (let index = 0; index < 6; index++) {
      const size = 3 + (index % 2);
      cost.observe(round(size, size, 1.5 * 10 * (size + 1)), 0);
    }
    const predicted = cost.predict(4, 0)!;
    expect(predicted).toBeGreaterThan(60);
    expect(predicted).toBeLessThan(79);
    expect(cost.predict(0, 0)).toBeCloseTo(10);
  });

  it('does not hold against a size that the first rounds of it are slow, where that is known', () => {
    const predictedAfter = (sizeChangeMs: number): number => {
      const cost = new RoundCost({ ...calibration, sizeChangeMs });
      for (let index = 0; index < 6; index++) {
        for (let token = 0; token < 3; token++) cost.observe(round(0, 0, 10), 0);
        for (const slow of [40, 30]) cost.observe(round(4, 4, 50 + slow), 0);
      }
      return cost.predict(4, 0)!;
    };
    expect(predictedAfter(70)).toBeCloseTo(54);
    expect(predictedAfter(0)).toBeGreaterThan(75);
  });

  it('counts tokens that fill a batch as part of it, not of the draft', () => {
    const cost = new RoundCost({ ...calibration, sizeChangeMs: 30 });
    for (let index = 0; index < 8; index++)
      cost.observe({ ...round(index % 3, index % 3, 80), numFillTokens: 4 - (index % 3) }, 0);
    expect(cost.predictVerification(4, 0)).toBeCloseTo(80);
    expect(cost.predictVerification(2, 0)).toBeLessThan(60);
  });

  it('learns from plain tokens of small models once in some milliseconds, from each of large ones', () => {
    const learnt = (before: number, after: number): number | undefined => {
      const cost = new RoundCost({ batches: [{ numTokens: 1, contextLength: 0, ms: before }], drafts: [] });
      for (let index = 0; index < 14; index++) cost.observe(round(0, 0, after), 0);
      return cost.predict(0, 0);
    };
    expect(learnt(0.2, 0.3)).toBeCloseTo(0.25, 6);
    // Each time that plain tokens come after drafts one of them is.
    const cost = new RoundCost({ batches: [{ numTokens: 1, contextLength: 0, ms: 0.2 }], drafts: [] });
    for (let time = 0; time < 4; time++) {
      cost.observe(round(4, 0, 0.6), 0);
      for (let index = 0; index < 3; index++) cost.observe(round(0, 0, 0.3), 0);
    }
    expect(cost.predict(0, 0)).toBeCloseTo(0.3, 6);
    expect(learnt(20, 30)).toBeCloseTo(30, 6);
  });

  it('is not moved by accidents among its rounds', () => {
    const cost = new RoundCost(calibration);
    for (let index = 0; index < 20; index++) cost.observe(round(4, 4, index % 6 === 5 ? 150 : 50), 0);
    expect(cost.predict(4, 0)).toBeCloseTo(54);
  });

  it('does not hold rounds against a size that was never measured', () => {
    const cost = new RoundCost();
    for (let index = 0; index < 3; index++) cost.observe(round(0, 0, 10), 0);
    for (let index = 0; index < 7; index++) cost.observe(round(4, 4, 50), 0);
    expect(cost.predict(4, 0)).toBeCloseTo(54);
  });

  it('is not moved by a round whose drafter had to read the text first', () => {
    const cost = new RoundCost(calibration);
    for (let index = 0; index < 6; index++) cost.observe(round(4, 200, 50), 0, true);
    expect(cost.predict(4, 0)).toBeCloseTo(54);
  });

  it('is learnt of each share of the threads by itself, and guessed before', () => {
    const cost = new RoundCost(calibration);
    expect(cost.guessesPlain).toBe(false);
    for (let index = 0; index < 9; index++) cost.observe(round(4, 4, 75), 0);
    const [all, plain] = [cost.predict(4, 0)!, cost.predict(0, 0)!];
    expect(all).toBeGreaterThan(70);
    cost.confirm();
    cost.setThreadShare(0.5);
    expect([cost.predict(0, 0), cost.guessesPlain]).toEqual([20, true]);
    expect(cost.predict(4, 0)).toBeCloseTo(2 * all);
    const verified = new RoundCost({ ...calibration, verifications: [{ numNodes: 4, ms: 2 }] });
    verified.setThreadShare(0.25);
    expect(verified.predict(4, 0)).toBeCloseTo(4 * 56);
    for (let index = 0; index < 3; index++) cost.observe(round(0, 0, 13), 0);
    expect([cost.predict(0, 0), cost.guessesPlain]).toEqual([13, false]);
    for (let index = 0; index < 3; index++) cost.observe(round(4, 6, 114), 0);
    // Rounds that took longer than their parts with all threads are remembered for a while.
    expect(cost.predict(4, 0)).toBeCloseTo(120, -1);
    cost.setThreadShare(1);
    expect([cost.predict(4, 0), cost.predict(0, 0), cost.guessesPlain]).toEqual([all, plain, false]);
    cost.setThreadShare(0.5);
    expect(cost.predict(4, 0)).toBeCloseTo(120, -1);
    expect(cost.predict(0, 0)).toBe(13);
  });

  it('is not told by rounds beside others that were not noticed yet', () => {
    const cost = new RoundCost(calibration);
    for (let index = 0; index < 9; index++) cost.observe(round(4, 4, 75), 0);
    cost.confirm();
    const quiet = [cost.predict(0, 0), cost.predict(4, 0)!] as const;
    const disturb = (): void => {
      for (let index = 0; index < 9; index++) cost.observe(round(4, 20, 400), 0);
      for (let index = 0; index < 9; index++) cost.observe(round(0, 0, 90), 0);
      expect(cost.predict(4, 0)).toBeGreaterThan(300);
    };
    disturb();
    cost.setThreadShare(0.5);
    expect(cost.predict(4, 0)).toBeCloseTo(2 * quiet[1]);
    cost.setThreadShare(1);
    expect([cost.predict(0, 0), cost.predict(4, 0)]).toEqual(quiet);
    // Threads that came back too early are given up again.
    disturb();
    cost.setThreadShare(0.5);
    cost.setThreadShare(1);
    expect([cost.predict(0, 0), cost.predict(4, 0)]).toEqual(quiet);
    // Nobody else was there.
    disturb();
    cost.confirm();
    cost.setThreadShare(0.5);
    cost.setThreadShare(1);
    expect(cost.predict(4, 0)).toBeGreaterThan(300);
  });

  it('is rather learnt beside others than not known', () => {
    const cost = new RoundCost();
    for (let index = 0; index < 3; index++) cost.observe(round(0, 0, 20), 0);
    for (let index = 0; index < 3; index++) cost.observe(round(4, 4, 38), 0);
    cost.setThreadShare(0.5);
    cost.setThreadShare(1);
    expect(cost.predict(0, 0)).toBe(20);
    expect(cost.predict(4, 0)).toBeCloseTo(42);
  });

  it('is the same for shares that are nearly alike, and guessed from the nearest', () => {
    const cost = new RoundCost(calibration);
    cost.setThreadShare(15 / 16);
    expect([cost.predict(0, 0), cost.guessesPlain]).toEqual([10, false]);
    cost.setThreadShare(0.5);
    for (let index = 0; index < 9; index++) cost.observe(round(0, 0, 13), 0);
    cost.confirm();
    cost.setThreadShare(0.25);
    expect([cost.predict(0, 0), cost.guessesPlain]).toEqual([26, true]);
    cost.setThreadShare(1);
    expect(cost.predict(0, 0)).toBe(10);
  });

  it('is not taken to grow with fewer threads where others were busy when it was measured', () => {
    const cost = new RoundCost(calibration, true);
    cost.setThreadShare(0.5);
    expect([cost.predict(0, 0), cost.guessesPlain]).toEqual([10, true]);
  });

  it('is learnt whatever threads compute while too little is known to guess from', () => {
    const cost = new RoundCost();
    cost.setThreadShare(0.5);
    for (let index = 0; index < 3; index++) cost.observe(round(0, 0, 20), 0);
    for (let index = 0; index < 3; index++) cost.observe(round(4, 4, 38), 0);
    cost.setThreadShare(1);
    expect(cost.predict(0, 0)).toBe(20);
    expect(cost.predict(4, 0)).toBeCloseTo(42);
  });

  it('is told by a batch among others of other sizes where there was only a guess', () => {
    const cost = new RoundCost(calibration);
    cost.setThreadShare(0.5);
    for (let index = 0; index < 4; index++) cost.observe(round(3 + (index % 2), 4, 200), 0);
    expect(cost.predictVerification(4, 0)).toBeCloseTo(200);
  });

  it('does not take the first plain token with other threads for a usual one', () => {
    const cost = new RoundCost(calibration);
    for (let index = 0; index < 3; index++) cost.observe(round(0, 0, 10), 0);
    cost.setThreadShare(0.5);
    cost.observe(round(0, 0, 40), 0);
    expect([cost.predict(0, 0), cost.guessesPlain]).toEqual([20, true]);
  });

  it('of plain decoding is not told by a plain token alone', () => {
    const cost = new RoundCost(calibration);
    for (let index = 0; index < 20; index++) {
      cost.observe(round(0, 0, 30, 5), 0);
      cost.observe(round(4, 4, 50), 0);
    }
    expect(cost.predict(0, 0)).toBeCloseTo(10);
    for (let index = 0; index < 20; index++) cost.observe(round(0, 0, 12, 1), 0);
    expect(cost.predict(0, 0)).toBeCloseTo(13);
  });

  it('takes of drafts that cost now little, now much, the mean', () => {
    expect(steadyMean([1, 5, 1, 30, 5])).toBe(3);
    expect(steadyMean([7])).toBe(7);
    const cost = new RoundCost(calibration);
    for (let index = 0; index < 12; index++) cost.observe(round(4, index % 2 === 0 ? 1 : 9, 50), 0);
    expect(cost.predict(4, 0)).toBeGreaterThan(52.5);
    expect(cost.predict(4, 0)).toBeLessThan(58);
  });
});
