// The guard in a simulated world, where costs and acceptance are known.
import { describe, expect, it } from 'vitest';
import { ExpectedTokens } from '../../src/cost/expected-tokens.js';
import { GuardPlanner } from '../../src/cost/guard.js';
import { RoundCost } from '../../src/cost/round-cost.js';
import { undraftedRound } from '../../src/metrics/counters.js';
import { PlainPace } from '../../src/metrics/plain-pace.js';
import {
  bestFixed,
  good,
  guardOf,
  maxNodes,
  onCpu,
  play,
  playShort,
  useless,
  type World,
} from './guarded-world.js';

describe('the guard', () => {
  it.each([
    ['a useless drafter', useless],
    ['a drafter that costs as much as the target', { ...good, draftMs: (n: number) => 50 * n }],
    ['a useless and costly drafter', { ...useless, draftMs: (n: number) => 50 * n }],
    ['batches that cost as much as their tokens', { ...good, batchMs: (n: number) => 50 * n }],
    ['times that vary by half', { ...useless, noise: 1 }],
  ] as const)('is not slower than plain decoding with %s', (_, one) => {
    for (const isSelective of [false, true]) {
      const world = { ...one, isSelective };
      const guard = guardOf(world);
      // A first answer pays for finding out.
      expect(play(world, 300, { guard }).speedup).toBeGreaterThan(0.97);
      for (let seed = 2; seed < 8; seed++) {
        expect(play(world, 300, { guard, seed }).speedup).toBeGreaterThan(0.98);
      }
    }
  });

  it.each([0.5, 0.7, 0.85, 0.95])('comes near the best fixed size where %d are accepted', (rate) => {
    for (const isSelective of [false, true]) {
      const world = { ...good, acceptance: () => rate, isSelective };
      const guard = guardOf(world);
      play(world, 300, { guard });
      const speedups = [2, 3, 4, 5, 6].map((seed) => play(world, 600, { guard, seed }).speedup);
      const mean = speedups.reduce((sum, speedup) => sum + speedup, 0) / speedups.length;
      expect(mean).toBeGreaterThan(0.95 * bestFixed(world));
    }
  });

  it('does not have short texts read by a drafter that could not pay, nor often by one that has not', () => {
    const hopeless = { ...good, draftMs: (numNodes: number) => 50 * numNodes, beginMs: 6000 };
    expect(playShort(hopeless, 128, 20)).toBe(1);
    expect(playShort({ ...useless, beginMs: 6000 }, 128, 40)).toBeGreaterThan(0.95);
  });

  it('has no text read for the few tokens that may still come', () => {
    // Reading takes as long as ten plain tokens, of which drafts save about half.
    const drafted = (numTokens: number): boolean => {
      const guard = guardOf(good, false, 5);
      return play(good, numTokens, { guard, start: 100 }).drafts.some(({ numNodes }) => numNodes > 0);
    };
    expect(drafted(16)).toBe(false);
    expect(drafted(64)).toBe(true);
  });

  it('seldom has texts read that would not make up for it', () => {
    expect(playShort({ ...good, beginMs: 6000 }, 64, 100)).toBeGreaterThan(0.98);
    const { drafts } = play({ ...good, beginMs: 6000 }, 8000);
    expect(drafts.some(({ numNodes }) => numNodes > 0)).toBe(true);
  });

  it('has a long text read for what a mediocre drafter would bring only if that takes no longer than a few tokens', () => {
    const doubtful = { ...good, draftMs: (numNodes: number) => 26 * numNodes };
    const secondPlan = (readMsPerToken: number): number => {
      const guard = guardOf(doubtful, false, readMsPerToken);
      guard.begin();
      guard.plan(200);
      return guard.plan(201).maxNodes;
    };
    expect(secondPlan(0.5)).toBeGreaterThan(0);
    expect(secondPlan(5)).toBe(0);
  });

  it('notices within a few rounds that speculation does not pay any more', () => {
    const world = { ...good, acceptance: (position: number) => (position < 300 ? 0.9 : 0.02) };
    const { drafts } = play(world, 600);
    const later = drafts.filter(({ position }) => position >= 320 && position < 400);
    const drafted = later.filter(({ numNodes }) => numNodes > 0).length;
    expect(drafted).toBeLessThan(later.length / 10);
  });

  it('notices that it pays again', () => {
    const world = { ...good, acceptance: (position: number) => (position < 300 ? 0.02 : 0.9) };
    const { drafts } = play(world, 1500);
    const first = drafts.findIndex(({ position, numNodes }, index) => {
      const following = drafts.slice(index, index + 5);
      return position >= 300 && numNodes > 0 && following.every((draft) => draft.numNodes > 0);
    });
    expect(first).toBeGreaterThan(0);
    expect(drafts[first]!.position).toBeLessThan(300 + 350);
    expect(drafts.slice(first + 5).filter(({ numNodes }) => numNodes === 0).length).toBeLessThan(12);
  });

  it('looks early in the next generation whether it pays again', () => {
    const guard = guardOf(useless);
    play(useless, 300, { guard });
    expect(guard.report.state).toBe('plain');
    const { drafts } = play(good, 300, { guard, seed: 2 });
    expect(drafts.find(({ numNodes }) => numNodes > 0)!.position).toBeLessThan(40);
    expect(guard.report.state).toBe('speculating');
  });

  it('follows a context that makes batches dear', () => {
    const attention = (n: number, length: number): number => onCpu(n) + n * length * 0.05;
    const world = { ...good, batchMs: attention };
    const { drafts, speedup } = play(world, 6000);
    const sizeAt = (from: number, to: number): number => {
      const inside = drafts.filter(({ position }) => position >= from && position < to);
      return inside.reduce((sum, { numNodes }) => sum + numNodes, 0) / inside.length;
    };
    expect(sizeAt(100, 600)).toBeGreaterThan(0.8);
    expect(sizeAt(5000, 6000)).toBeLessThan(0.5);
    expect(speedup).toBeGreaterThan(0.985);
  });

  it('does not switch for a single slow moment', () => {
    let call = 0;
    const world = { ...good, batchMs: (n: number) => (++call % 40 === 0 ? 20 : 1) * onCpu(n) };
    const guard = guardOf(good);
    const { drafts } = play(world, 600, { guard });
    expect(drafts.filter(({ numNodes }) => numNodes === 0).length).toBeLessThan(drafts.length / 8);
  });

  it('asks for nothing that brings less than its time, but where it finds out', () => {
    const world: World = {
      batchMs: (numTokens) => 50 + 10 * (numTokens - 1),
      draftMs: () => 1,
      acceptance: () => 0.9,
    };
    const guard = guardOf(world);
    play(world, 300, { guard });
    const plans = Array.from({ length: 30 }, (_, index) => guard.plan(300 + index)).filter(
      ({ maxNodes: size }) => size > 0,
    );
    expect(plans.length).toBeGreaterThan(10);
    for (const { minAcceptance } of plans) {
      expect(minAcceptance).toBeGreaterThan(0.3);
      expect(minAcceptance).toBeLessThan(0.8);
    }
  });

  it('drafts no more than is left to be output, less the token that a round brings anyway, and nothing past an end', () => {
    const world: World = { batchMs: (numTokens) => 50 + numTokens, draftMs: () => 1, acceptance: () => 0.95 };
    const guard = guardOf(world);
    play(world, 300, { guard });
    const sizes = (numLeft: number): number[] =>
      Array.from({ length: 8 }, (_, index) => guard.plan(300 + index, numLeft).maxNodes);
    expect(Math.max(...sizes(100))).toBeGreaterThan(4);
    expect(Math.max(...sizes(4))).toBe(3);
    expect(Math.max(...sizes(1))).toBe(0);
    expect(guard.plan(310)).toMatchObject({ stopsAtEnd: true });
  });

  it('leaves the size to drafts that leave away what is not worth its time', () => {
    const world: World = {
      batchMs: (numTokens) => 50 + 10 * (numTokens - 1),
      draftMs: () => 1,
      acceptance: () => 0.7,
    };
    const sizesOf = (isSelective: boolean): number[] => {
      const guard = guardOf({ ...world, isSelective });
      play({ ...world, isSelective }, 400, { guard });
      return Array.from({ length: 8 }, (_, index) => guard.plan(400 + index).maxNodes);
    };
    expect(Math.min(...sizesOf(true).filter((size) => size > 0))).toBe(maxNodes);
    expect(Math.max(...sizesOf(false))).toBeLessThan(maxNodes);
  });

  it('says what it does and why', () => {
    const off = guardOf(useless);
    play(useless, 100, { guard: off });
    expect(off.report.state).toBe('plain');
    expect(off.report.reason).toMatch(/^off: \d+ draft tokens are expected to bring 1\.\d\d tokens/);
    const on = guardOf(good);
    play(good, 100, { guard: on });
    expect(on.report.state).toBe('speculating');
    expect(on.report.reason).toMatch(/[1-9]\.\d\d times as fast$/);
  });

  it('begins each generation with a plain token', () => {
    const guard = guardOf(good);
    for (const seed of [1, 2]) {
      const { drafts } = play(good, 100, { guard, seed });
      expect(drafts[0]!.numNodes).toBe(0);
      expect(drafts[1]!.numNodes).toBeGreaterThan(0);
    }
    expect(guard.startsPlain).toBe(true);
    const off = guardOf(useless, true, undefined, new PlainPace());
    play(useless, 400, { guard: off });
    off.begin();
    expect(off.report.state).toBe('plain');
    // The first by itself, and two that tell what plain decoding takes.
    const first = { maxNodes: 0, isPlain: true, numPlainTokens: 1 };
    expect(off.plan(100)).toEqual({ ...first, isSettling: true });
    off.observe(undraftedRound({ isPlain: true, draftMs: 0, decodeMs: 50, verifyMs: 0, roundMs: 50 }));
    expect(off.plan(101)).toEqual({ ...first, numPlainTokens: 2 });
    const unmeasured = guardOf(useless, false);
    unmeasured.begin();
    expect(unmeasured.plan(100)).toEqual(first);
  });

  it('measures plain decoding once in a while in each generation, where it is to', () => {
    const plainRounds = (isMeasuring: boolean): number[][] => {
      const guard = guardOf(good, isMeasuring);
      return [1, 2].map((seed) => {
        const { drafts } = play(good, 800, { guard, seed });
        return drafts.flatMap(({ numNodes }, round) => (numNodes === 0 ? [round] : []));
      });
    };
    for (const rounds of plainRounds(true)) {
      const [first, second, third, fourth, fifth] = rounds as [number, number, number, number, number];
      expect(first).toBe(0);
      // Not before the 33rd, nor while another size is tried; three at a time.
      expect(second).toBeGreaterThanOrEqual(33);
      expect(second).toBeLessThan(45);
      expect([third, fourth]).toEqual([second + 1, second + 2]);
      expect(fifth).toBeGreaterThan(90);
    }
    expect(plainRounds(false)).toEqual([[0], [0]]);
  });

  it('does not leap to sizes far beyond those it has tried', () => {
    const world = { ...good, batchMs: (numTokens: number) => 20 + 0.5 * numTokens, acceptance: () => 0.97 };
    const { drafts } = play(world, 600);
    let largest = 0;
    for (const { numNodes } of drafts) {
      expect(numNodes).toBeLessThanOrEqual(Math.max(3, Math.ceil(1.5 * largest)));
      largest = Math.max(largest, numNodes);
    }
    expect(largest).toBe(maxNodes);
  });

  it('gives a drafter that pays a few rounds of bad luck', () => {
    const unlucky = (position: number): number => (position < 4 ? 0 : 0.85);
    const { drafts } = play({ ...good, acceptance: unlucky }, 60);
    expect(drafts.slice(1).filter(({ numNodes }) => numNodes === 0)).toEqual([]);
  });

  it('changes to a size that brings more than what others came to says', () => {
    // Every fifth token is never foreseen: drafts of four end before it, drafts of three do so every other time.
    const acceptance = (position: number): number => (position % 5 === 0 ? 0 : 1);
    const world = { ...good, batchMs: (n: number) => 50 + 16 * (n - 1), acceptance };
    const guard = guardOf(world);
    play(world, 200, { guard });
    expect(play(world, 600, { guard, seed: 2 }).speedup).toBeGreaterThan(1.75);
  });

  it('goes on when everything becomes slower', () => {
    const guard = guardOf(good);
    play(good, 300, { guard });
    const { drafts } = play({ ...good, batchMs: (n: number) => 1.6 * onCpu(n) }, 600, { guard, seed: 2 });
    const numPlain = drafts.filter(({ numNodes }) => numNodes === 0).length;
    expect(numPlain).toBeGreaterThan(8);
    expect(numPlain).toBeLessThan(17);
  });

  /** A guard and the costs that it goes by. */
  function guardAndCost(): { cost: RoundCost; guard: GuardPlanner } {
    const sizes = [1, 2, 3, 5, 9, 17];
    const cost = new RoundCost({
      batches: sizes.map((numTokens) => ({ numTokens, contextLength: 0, ms: onCpu(numTokens) })),
      drafts: [1, 16].map((numNodes) => ({ numNodes, ms: good.draftMs(numNodes) })),
    });
    const tokens = new ExpectedTokens(maxNodes);
    return { cost, guard: new GuardPlanner({ cost, tokens, maxNodes, isMeasuring: false }) };
  }

  it('decodes few plain tokens at a time while threads are given up, for they come back unannounced', () => {
    const { cost, guard } = guardAndCost();
    play(useless, 600, { guard });
    const atATime = (): number => guard.plan(600).numPlainTokens!;
    expect(atATime()).toBeGreaterThan(16);
    cost.setThreadShare(0.5);
    play({ ...useless, batchMs: (n: number) => 2 * onCpu(n) }, 100, { guard, seed: 2 });
    expect(atATime()).toBe(16);
    cost.setThreadShare(1);
    expect(atATime()).toBeGreaterThan(16);
  });

  it('measures plain decoding first where fewer threads compute', () => {
    const { cost, guard } = guardAndCost();
    play(good, 200, { guard });
    cost.setThreadShare(0.5);
    // Memory is as fast as before, and batches take all the time there is.
    const narrow = { ...good, batchMs: (n: number) => (n === 1 ? 55 : 2 * onCpu(n)) };
    const { drafts } = play(narrow, 60, { guard, seed: 2 });
    expect(drafts.slice(0, 6).every(({ numNodes }) => numNodes === 0)).toBe(true);
    expect(cost.predict(0, 100)).toBeCloseTo(55, -1);
    cost.setThreadShare(1);
    expect(play(good, 200, { guard, seed: 3 }).drafts.filter(({ numNodes }) => numNodes === 0).length).toBe(
      1,
    );
  });

  it('begins without any calibration', () => {
    const uncalibrated = (): GuardPlanner =>
      new GuardPlanner({
        cost: new RoundCost(),
        tokens: new ExpectedTokens(maxNodes),
        maxNodes,
        isMeasuring: false,
      });
    const guard = uncalibrated();
    play(useless, 200, { guard });
    expect(play(useless, 300, { guard, seed: 2 }).speedup).toBeGreaterThan(0.98);
    const other = uncalibrated();
    play(good, 200, { guard: other });
    expect(play(good, 300, { guard: other, seed: 2 }).speedup).toBeGreaterThan(1.2);
  });
});
