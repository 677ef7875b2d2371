// The guard in a world where the first batches of another size are slow, as they are on a GPU that records graphs.
import { describe, expect, it } from 'vitest';
import { ExpectedTokens } from '../../src/cost/expected-tokens.js';
import { GuardPlanner } from '../../src/cost/guard.js';
import { RoundCost } from '../../src/cost/round-cost.js';
import { PlainPace } from '../../src/metrics/plain-pace.js';
import { bestFixed, guardOf, maxNodes, play, type World } from './guarded-world.js';

/** Linear between measured times. */
const between =
  (times: readonly (readonly [numTokens: number, ms: number])[]) =>
  (numTokens: number): number => {
    const above = Math.max(
      1,
      times.findIndex(([at]) => at >= numTokens),
    );
    const [[from, fromMs], [to, toMs]] = [times[above - 1]!, times[above]!];
    return fromMs + ((toMs - fromMs) * (numTokens - from)) / (to - from);
  };

const shared = {
  draftMs: (numNodes: number) => 0.3 + 0.27 * numNodes,
  noise: 0.1,
  isSelective: true,
} as const;
/** As 1B and 8B parameters took it in Q4_0 on an H100. */
const small: World = {
  ...shared,
  batchMs: between([
    [1, 2],
    [2, 2.28],
    [3, 2.63],
    [5, 2.85],
    [9, 5.18],
    [17, 6.28],
  ]),
  acceptance: () => 0.88,
  changeMs: [4.9, 4.2],
};
const large: World = {
  ...small,
  batchMs: between([
    [1, 3.44],
    [2, 3.68],
    [3, 4.17],
    [5, 5.18],
    [9, 7.9],
    [17, 9.28],
  ]),
  changeMs: [1.7, 3.5],
};

/** Speeds against plain decoding of short answers one after the other. */
function answers(world: World, count = 8): number[] {
  const guard = guardOf(world);
  return Array.from({ length: count }, (_, seed) => play(world, 128, { guard, seed }).speedup);
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the guard where changes of size cost much', () => {
  it.each([
    ['1B', small, 0.77],
    ['8B', large, 0.85],
  ] as const)('speculates where that pays, in short answers of %s', (_, world, share) => {
    expect(meanOf(answers(world))).toBeGreaterThan(share * bestFixed(world));
  });

  it.each([
    ['is useless', { ...small, acceptance: () => 0.1 }],
    ['costs as much as the target', { ...small, draftMs: (numNodes: number) => 2.2 * numNodes }],
    ['is useless beside a large target', { ...large, acceptance: () => 0.1 }],
  ] as const)('is not slower than plain decoding with a drafter that %s', (_, world) => {
    const [first, ...later] = answers(world);
    // To find out takes a change there, and one back.
    expect(first).toBeGreaterThan(0.9);
    expect(meanOf(later)).toBeGreaterThan(0.97);
  });

  it('does not begin in answers that are too short to make up for it', () => {
    const guard = guardOf(small);
    const speeds = Array.from({ length: 10 }, (_, seed) => play(small, 16, { guard, seed }).speedup);
    expect(meanOf(speeds.slice(4))).toBeGreaterThan(0.99);
  });

  it('begins again after a short text that began slowly', () => {
    const guard = guardOf(small, true, 0.02);
    play({ ...small, beginMs: 15 }, 24, { guard, seed: 2, start: 24 });
    const { drafts } = play(small, 128, { guard, seed: 3, start: 60 });
    expect(drafts.filter(({ numNodes }) => numNodes > 0).length).toBeGreaterThan(20);
  });

  it('takes a drafter of which little is known for a mediocre one at least', () => {
    const batches = [1, 2, 3, 5, 9, 17].map((numTokens) => ({
      ...{ numTokens, contextLength: 0 },
      ms: small.batchMs(numTokens, 0),
    }));
    const drafts = [1, 16].map((numNodes) => ({ numNodes, ms: small.draftMs(numNodes) }));
    const tokens = new ExpectedTokens(maxNodes);
    for (let round = 0; round < 4; round++) tokens.observe(3, [0]);
    const guard = (readMsPerToken: number): GuardPlanner =>
      new GuardPlanner({
        cost: new RoundCost({ batches, drafts, sizeChangeMs: 9.1 }),
        ...{ tokens, maxNodes, isMeasuring: false, isSelective: true, readMsPerToken },
      });
    // Of what was seen one draft token is best, which would not make up for reading; of a mediocre drafter three are.
    const drafted = (readMsPerToken: number): boolean => {
      const planner = guard(readMsPerToken);
      play(small, 1, { guard: planner, start: 100 });
      return planner.plan(101).maxNodes > 0;
    };
    expect([drafted(0.3), drafted(1.2), drafted(2.4)]).toEqual([true, true, false]);
  });

  it('drafts once in a while where it is believed not to pay, and finds that it does', () => {
    const guard = guardOf(small, true, 0.02);
    // Reading takes far longer at first than ever after.
    for (let seed = 0; seed < 5; seed++) play({ ...small, beginMs: 400 }, 64, { guard, seed, start: 100 });
    const numDrafted = Array.from({ length: 60 }, (_, seed) => {
      const { drafts } = play(small, 128, { guard, seed, start: 60 });
      return drafts.filter(({ numNodes }) => numNodes > 0).length;
    });
    expect(numDrafted.slice(0, 8).every((count) => count === 0)).toBe(true);
    expect(meanOf(numDrafted.slice(-10))).toBeGreaterThan(20);
  });

  it('drafts as many tokens as before, and none less', () => {
    const guard = guardOf(small);
    for (let seed = 0; seed < 3; seed++) play(small, 128, { guard, seed });
    const { drafts } = play(small, 1000, { guard, seed: 4 });
    const sizes = drafts.map(({ numNodes }) => numNodes);
    const numChanges = sizes.filter((size, index) => index > 0 && size !== sizes[index - 1]).length;
    expect(numChanges).toBeLessThan(drafts.length / 25);
    const plan = guard.plan(1000, 3);
    expect(plan.maxNodes).toBeGreaterThan(2);
    expect(plan.minAcceptance).toBeUndefined();
  });

  it('asks of short answers whether the best size pays, not the largest one', () => {
    const guard = guardOf(small);
    const speeds = Array.from(
      { length: 24 },
      (_, index) => play(small, 36, { guard, seed: 300 + index }).speedup,
    );
    expect(meanOf(speeds)).toBeGreaterThan(1.08);
  });

  it('has batches filled up where a draft ends early', () => {
    const world = { ...small, mostDrafted: (position: number) => position % 5 };
    expect(meanOf(answers(world).slice(1))).toBeGreaterThan(1.02);
    const guard = guardOf(world);
    play(world, 200, { guard });
    expect(guard.plan(200).numBatchNodes).toBe(guard.plan(201).maxNodes);
  });

  it('does not follow each change of acceptance', () => {
    const world = { ...small, acceptance: (position: number) => (position % 160 < 80 ? 0.8 : 0.97) };
    const guard = guardOf(world);
    let numChanges = 0;
    for (let seed = 0; seed < 8; seed++) {
      const sizes = play(world, 600, { guard, seed }).drafts.map(({ numNodes }) => numNodes);
      numChanges += sizes.filter((size, index) => index > 0 && size !== sizes[index - 1]).length;
    }
    expect(numChanges).toBeLessThan(60);
  });

  it('finds out what plain tokens take as a text begins, unless answers before have told it', () => {
    const pace = new PlainPace();
    const opening = (world: World): unknown => {
      const guard = guardOf(world, true, undefined, pace);
      guard.begin();
      const { numPlainTokens, isSettling } = guard.plan(100);
      return [numPlainTokens, isSettling];
    };
    expect(opening(small)).toEqual([2, true]);
    expect(opening({ ...small, changeMs: [0.01, 0] })).toEqual([1, true]);
    for (const ms of [2, 2.1]) pace.observe(100, ms);
    expect(opening(small)).toEqual([1, undefined]);
  });

  it('does not take a change of size for reading the text', () => {
    const guard = guardOf(small);
    play(small, 64, { guard, start: 200 });
    const { drafts } = play(small, 64, { guard, start: 4000, seed: 2 });
    expect(drafts.filter(({ numNodes }) => numNodes > 0).length).toBeGreaterThan(drafts.length / 2);
  });

  it('notices that speculation does not pay any more', () => {
    const world = { ...small, acceptance: (position: number) => (position < 300 ? 0.9 : 0.02) };
    const { drafts } = play(world, 600);
    const later = drafts.filter(({ position }) => position >= 330 && position < 400);
    expect(later.filter(({ numNodes }) => numNodes > 0).length).toBeLessThan(later.length / 10);
  });
});
