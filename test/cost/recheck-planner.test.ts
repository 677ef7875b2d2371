// The choice of a recheck's interval, in simulated worlds where costs and acceptance are known.
import { describe, expect, it } from 'vitest';
import { BatchCost } from '../../src/cost/batch-cost.js';
import { expectedRun } from '../../src/cost/expected-tokens.js';
import { RecheckPlanner } from '../../src/cost/recheck-planner.js';
import { FixedPlanner, PlainPlanner } from '../../src/cost/round-planner.js';
import type { RoundRecord } from '../../src/metrics/counters.js';
import { Purpose, uniform } from '../../src/sampling/random.js';

interface World {
  /** Milliseconds of a dense batch. */
  readonly denseMs: (numTokens: number, contextLength: number) => number;
  /** Milliseconds of the thinned target for a token. */
  readonly thinnedMs: number;
  /** Tokens that the thinned target reads. */
  readonly read: number;
  /** Probability that the dense target accepts a token of the thinned one. */
  readonly acceptance: number;
}

const most = 64;

function plannerOf(world: World, { fewest = 2, longest = most, isThinned = true } = {}) {
  const batches = [1, 2, 3, 5, 9, 17, 33, 65].map((numTokens) => ({
    numTokens,
    contextLength: 0,
    ms: world.denseMs(numTokens, 0),
  }));
  const cost = new BatchCost(batches);
  return new RecheckPlanner(
    {
      costs: {
        dense: (numTokens, length) => cost.predict(numTokens, length),
        thinnedFloor: (numTokens, length) => cost.predict(numTokens, Math.min(length, world.read)),
        observe: ({ numDraftTokens, decodeMs }, contextLength) =>
          cost.observe({ numTokens: numDraftTokens + 1, contextLength, ms: decodeMs }),
      },
      fewest,
      most: longest,
      isThinned: (length) => isThinned && length > world.read,
    },
    new PlainPlanner(),
  );
}

/** Plays a generation; the speed against plain decoding, and the runs that were rechecked. */
function play(planner: RecheckPlanner, world: World, from: number, numTokens: number, seed = 1) {
  planner.begin(new PlainPlanner());
  let [position, ms, plainMs, call] = [from, 0, 0, 0];
  const runs: number[] = [];
  while (position < from + numTokens) {
    const { maxNodes, numPlainTokens = 1 } = planner.plan(position);
    for (let round = 0; round < (maxNodes === 0 ? numPlainTokens : 1); round++) {
      let numAccepted = 0;
      while (numAccepted < maxNodes && uniform(seed, Purpose.accept, call++) < world.acceptance)
        numAccepted += 1;
      const decodeMs = world.denseMs(maxNodes + 1, position);
      const draftMs = maxNodes * world.thinnedMs;
      ms += decodeMs + draftMs;
      for (let token = 0; token <= numAccepted; token++) plainMs += world.denseMs(1, position + token);
      if (maxNodes > 0) runs.push(maxNodes);
      position += numAccepted + 1;
      const times = { draftMs, decodeMs, verifyMs: 0, roundMs: decodeMs + draftMs };
      const record: RoundRecord = {
        ...{ numDraftTokens: maxNodes, draftDepth: maxNodes, numAccepted, acceptedNodes: [], bias: 0 },
        ...{ isPlain: maxNodes === 0, ...times },
      };
      planner.observe(record);
    }
  }
  return { speedup: plainMs / ms, runs };
}

/** The speed of runs of one length against plain decoding. */
function speedupOf({ denseMs, thinnedMs, acceptance }: World, numTokens: number, length: number): number {
  const ms = numTokens * thinnedMs + denseMs(numTokens + 1, length);
  return ((expectedRun(acceptance, numTokens) + 1) * denseMs(1, length)) / ms;
}

const length = 16_000;
/** The context is read once for a whole batch, as a memory-bound device does. */
const shared: World = {
  denseMs: (tokens, context) => 20 + 0.5 * tokens + 0.01 * context,
  thinnedMs: 32,
  read: 1000,
  acceptance: 0.97,
};
/** The context is read for each token of a batch, as this project's CPU does. */
const perToken: World = {
  ...shared,
  denseMs: (tokens, context) => 20 + 4 * tokens + 0.004 * tokens * context,
  thinnedMs: 30,
};

describe('the expected tokens of a run', () => {
  it('are the sum of powers', () => {
    expect(expectedRun(0.5, 3)).toBeCloseTo(0.875, 12);
    expect(expectedRun(1, 7)).toBe(7);
    expect(expectedRun(0, 7)).toBe(0);
  });
});

describe('a recheck planner', () => {
  it.each([0.8, 0.95, 0.99])('comes near the best run length where %d are accepted', (acceptance) => {
    const world = { ...shared, acceptance };
    const lengths = Array.from({ length: most - 1 }, (_, index) => index + 2);
    const best = Math.max(...lengths.map((numTokens) => speedupOf(world, numTokens, length)));
    const planner = plannerOf(world);
    play(planner, world, length, 300);
    const speedups = [2, 3, 4].map((seed) => play(planner, world, length, 2000, seed).speedup);
    const mean = speedups.reduce((sum, speedup) => sum + speedup, 0) / speedups.length;
    expect(best).toBeGreaterThan(1.3);
    expect(mean).toBeGreaterThan(0.93 * best);
  });

  it('takes longer runs the more is accepted', () => {
    const runOf = (acceptance: number): number => {
      const world = { ...shared, acceptance };
      const { runs } = play(plannerOf(world), world, length, 3000);
      return runs.slice(-20).reduce((sum, run) => sum + run, 0) / 20;
    };
    expect(runOf(0.99)).toBeGreaterThan(1.5 * runOf(0.8));
  });

  it('never tries where a recheck would not pay if it read the context once', () => {
    const nearlyShort = { ...shared, read: 15_000, thinnedMs: 170 };
    const planner = plannerOf(nearlyShort);
    const { runs, speedup } = play(planner, nearlyShort, length, 500);
    expect(runs).toEqual([]);
    expect(speedup).toBe(1);
  });

  it('gives up where it turns out not to pay, for next to nothing', () => {
    for (const world of [{ ...shared, thinnedMs: 200 }, { ...shared, acceptance: 0.1 }, perToken]) {
      const planner = plannerOf(world);
      const first = play(planner, world, length, 1000);
      expect(first.runs.length).toBeGreaterThan(0);
      expect(first.runs.length).toBeLessThan(20);
      expect(first.speedup).toBeGreaterThan(0.97);
      expect(play(planner, world, length, 1000, 2).speedup).toBeGreaterThan(0.985);
      expect(planner.report.state).toBe('plain');
      expect(planner.report.reason).toMatch(/^a recheck every \d+ tokens is expected to be 0\.\d\d times/);
    }
  });

  it('leaves contexts that are read whole to the planner of rounds without recheck', () => {
    const planner = plannerOf(shared, { isThinned: false });
    expect(play(planner, shared, length, 500).runs).toEqual([]);
    expect(planner.startsPlain).toBe(true);
    planner.begin(new FixedPlanner(3, false));
    expect(planner.plan(500)).toMatchObject({ maxNodes: 3, isPlain: false });
    expect(planner.isRechecking).toBe(false);
  });

  it('begins with a short run, and keeps to a length that is asked for', () => {
    const { runs } = play(plannerOf(shared), shared, length, 500);
    expect(runs[0]).toBe(8);
    const given = play(plannerOf(shared, { fewest: 16, longest: 16 }), shared, length, 500);
    expect(new Set(given.runs)).toEqual(new Set([16]));
  });

  it('looks now and then what rounds without recheck bring', () => {
    const world: World = {
      ...shared,
      denseMs: (tokens, context) =>
        tokens === 1 && context > length + 500 ? 20 : shared.denseMs(tokens, context),
    };
    const planner = plannerOf(world);
    const { runs } = play(planner, world, length, 3000);
    expect(runs.length).toBeGreaterThan(10);
    expect(planner.isRechecking).toBe(false);
  });
});
