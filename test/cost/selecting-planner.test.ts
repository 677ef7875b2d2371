// Deciding draft in hand, in a simulated world where costs and confidences are known.
import { mean } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import type { DraftedNode } from '../../src/cost/draft-selection.js';
import { RoundCost } from '../../src/cost/round-cost.js';
import type { RoundPlan } from '../../src/cost/round-planner.js';
import { SelectingPlanner } from '../../src/cost/selecting-planner.js';
import { undraftedRound } from '../../src/metrics/counters.js';
import { PlainPace } from '../../src/metrics/plain-pace.js';
import { Purpose, uniform } from '../../src/sampling/random.js';

const maxNodes = 16;
const plainMs = 50;
const batchMs = (numTokens: number): number => plainMs + 20 * (numTokens - 1);

interface World {
  /** What the drafter says of each of its nodes, by output position; 0 drafts nothing. */
  readonly confidence: (position: number) => number;
  /** Probability that one is accepted. */
  readonly acceptance: (position: number) => number;
  /** Milliseconds of a draft, and what a token takes more that is not decoded with others. */
  readonly lookingMs: number;
  /** Relative spread of times. */
  readonly noise?: number;
}

function costOf(sizeChangeMs = 0): RoundCost {
  const batches = [1, 2, 3, 5, 9, 17].map((numTokens) => ({
    numTokens,
    contextLength: 0,
    ms: batchMs(numTokens),
  }));
  return new RoundCost({ batches, drafts: [], sizeChangeMs });
}

function plannerOf(isMeasuring = false, pace?: PlainPace, cost = costOf()): SelectingPlanner {
  return new SelectingPlanner({ cost, maxNodes, isMeasuring, pace });
}

/** Plays a generation of chains; the speed against plain decoding, and where what was decoded. */
function play(world: World, numTokens: number, { planner = plannerOf(), seed = 1 } = {}) {
  let [position, ms, call] = [0, 0, 0];
  const random = (): number => uniform(seed, Purpose.accept, call++);
  const noisy = (value: number): number => value * (1 + (world.noise ?? 0) * (random() - 0.5));
  const decoded: { position: number; numNodes: number }[] = [];
  const round = (isPlain: boolean, numNodes: number, numAccepted: number): void => {
    const decodeMs = noisy(batchMs(numNodes + 1));
    const draftMs = isPlain ? 0 : noisy(world.lookingMs);
    ms += batchMs(numNodes + 1) + (isPlain ? 0 : world.lookingMs);
    decoded.push({ position, numNodes });
    position += numAccepted + 1;
    planner.observe({
      ...{ numDraftTokens: numNodes, draftDepth: numNodes, numAccepted, bias: 0, isPlain },
      acceptedNodes: Array.from({ length: numAccepted }, (_, node) => node),
      ...{ draftMs, decodeMs, verifyMs: 0, roundMs: decodeMs + draftMs },
    });
  };
  planner.begin();
  while (position < numTokens) {
    const plan = planner.plan(position);
    if (plan.selector === undefined) {
      const count = Math.min(plan.numPlainTokens ?? 1, numTokens - position);
      for (let token = 0; token < count; token++) round(true, 0, 0);
      continue;
    }
    const confidence = world.confidence(position);
    const nodes = Array.from({ length: confidence > 0 ? maxNodes : 0 }, (_, index): DraftedNode => ({
      confidence,
      parent: index - 1,
      depth: index + 1,
    }));
    const numKept = plan.selector.select(nodes);
    let numTrue = 0;
    while (numTrue < nodes.length && random() < world.acceptance(position)) numTrue++;
    const numAccepted = Math.min(numTrue, numKept);
    for (const [index, node] of nodes.slice(0, numAccepted + 1).entries())
      plan.selector.learn(node, index < numTrue);
    round(false, numKept, numAccepted);
  }
  return { speedup: (position * plainMs) / ms, decoded };
}

/** A passage of 40 tokens in 100 is copied, and the drafter knows it. */
const isCopied = (position: number): boolean => position % 100 >= 60;
const copying: World = {
  confidence: (position) => (isCopied(position) ? 0.95 : 0.3),
  acceptance: (position) => (isCopied(position) ? 0.95 : 0.2),
  lookingMs: 0.5,
  noise: 0.2,
};

describe('a planner that decides draft in hand', () => {
  it('measures plain decoding at the start of a text, unless an answer of about this length just did', () => {
    let now = 0;
    const pace = new PlainPace(() => now);
    const planner = plannerOf(true, pace);
    const opening = (contextLength: number): number | undefined => {
      planner.begin();
      return planner.plan(contextLength).numPlainTokens;
    };
    expect(opening(1000)).toBe(3);
    for (const ms of [50, 51]) pace.observe(1000, ms);
    expect(opening(1000)).toBe(1);
    expect(opening(4000)).toBe(3);
    now = 60_000;
    expect(opening(1000)).toBe(3);
  });

  it('does not believe that plain decoding takes what the first token of a text does', () => {
    const pace = new PlainPace();
    for (const ms of [50, 51]) pace.observe(0, ms);
    const cost = new RoundCost({ batches: [{ numTokens: 1, contextLength: 0, ms: plainMs }], drafts: [] });
    const planner = new SelectingPlanner({ cost, maxNodes, isMeasuring: true, pace });
    for (let text = 0; text < 30; text++) {
      planner.begin();
      planner.plan(0);
      planner.observe(undraftedRound({ isPlain: true, draftMs: 0, decodeMs: 90, verifyMs: 0, roundMs: 90 }));
    }
    expect(cost.predict(0, 0)).toBeCloseTo(plainMs, 6);
  });

  it('measures plain decoding first where fewer threads compute', () => {
    const batches = [1, 17].map((numTokens) => ({ numTokens, contextLength: 0, ms: batchMs(numTokens) }));
    const cost = new RoundCost({ batches, drafts: [{ numNodes: 4, ms: 0.1 }] });
    const planner = new SelectingPlanner({ cost, maxNodes, isMeasuring: false });
    planner.begin();
    const plain = (): unknown => planner.plan(0).numPlainTokens;
    const decode = (): void =>
      planner.observe(undraftedRound({ isPlain: true, draftMs: 0, decodeMs: 50, verifyMs: 0, roundMs: 50 }));
    for (let token = 0; token < 3; token++) {
      plain();
      decode();
    }
    expect(plain()).toBeUndefined();
    cost.setThreadShare(0.5);
    expect(plain()).toBe(3);
    for (let token = 0; token < 3; token++) decode();
    expect(plain()).toBeUndefined();
  });

  it('takes a draft of another size only if it makes up for the change, there and back', () => {
    const nodes = Array.from({ length: 4 }, (_, index) => ({
      confidence: 1,
      parent: index - 1,
      depth: index + 1,
    }));
    const selected = (sizeChangeMs: number): number[] => {
      const planner = plannerOf(true, undefined, costOf(sizeChangeMs));
      planner.begin();
      let first = 0;
      const round = (numDraftTokens: number): void =>
        planner.observe({
          ...undraftedRound({
            isPlain: numDraftTokens === 0,
            draftMs: 0,
            decodeMs: batchMs(numDraftTokens + 1),
            verifyMs: 0,
            roundMs: batchMs(numDraftTokens + 1),
          }),
          ...{ numDraftTokens, numAccepted: numDraftTokens },
          acceptedNodes: Array.from({ length: numDraftTokens }, (_, node) => node),
        });
      for (let plan = planner.plan(0); plan.isPlain; plan = planner.plan(first)) {
        first += plan.numPlainTokens!;
        for (let token = 0; token < plan.numPlainTokens!; token++) round(0);
      }
      for (let text = 0; text < 20; text++)
        for (const [index, node] of nodes.entries()) planner.learn(node, index < 4);
      planner.plan(10);
      const afterPlain = planner.select(nodes);
      round(4);
      planner.plan(15);
      return [first, afterPlain, planner.select(nodes)];
    };
    expect(selected(0)).toEqual([3, 4, 4]);
    // Four tokens bring up to 250 ms in 130.
    expect(selected(50)).toEqual([5, 4, 4]);
    expect(selected(100)).toEqual([5, 0, 4]);
  });

  it('follows passages that are copied, and decodes nothing between them', () => {
    const plays = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => play(copying, 2000, { seed }));
    expect(mean(plays.map(({ speedup }) => speedup))).toBeGreaterThan(1.2);
    const decoded = plays.flatMap((one) => one.decoded);
    const between = decoded.filter(({ position }) => position % 100 < 45);
    expect(between.filter(({ numNodes }) => numNodes > 0).length).toBeLessThan(0.03 * between.length);
  });

  it.each([
    ['a drafter that has nothing to say', { ...copying, confidence: () => 0 }],
    ['a drafter that boasts', { ...copying, confidence: () => 0.95, acceptance: () => 0.1 }],
    ['a drafter that is modest and wrong', { ...copying, confidence: () => 0.2, acceptance: () => 0 }],
    ['looks that cost a third of a token', { ...copying, acceptance: () => 0.1, lookingMs: 17 }],
    ['times that vary by half', { ...copying, acceptance: () => 0.1, noise: 1 }],
  ] as const)('is not slower than plain decoding with %s', (_, world: World) => {
    const planner = plannerOf(true);
    expect(play(world, 300, { planner }).speedup).toBeGreaterThan(0.95);
    for (let seed = 2; seed < 8; seed++) {
      expect(play(world, 300, { planner, seed }).speedup).toBeGreaterThan(0.98);
    }
  });

  it('finds a passage that is copied after a long text that was not', () => {
    const world: World = {
      ...copying,
      confidence: (position) => (position < 3000 ? 0.3 : 0.95),
      acceptance: (position) => (position < 3000 ? 0.1 : 0.95),
      lookingMs: 5,
    };
    const { decoded } = play(world, 3600);
    const first = decoded.find(({ position, numNodes }) => position >= 3000 && numNodes > 0);
    expect(first!.position).toBeLessThan(3300);
  });

  it('looks no further than what is left to be output, and nowhere for the last token', () => {
    const planner = plannerOf();
    play(copying, 2000, { planner });
    const plan = (numLeft?: number): Pick<RoundPlan, 'maxNodes' | 'stopsAtEnd'> =>
      planner.plan(2000, numLeft);
    expect(plan()).toMatchObject({ maxNodes, stopsAtEnd: true });
    expect(plan(5)).toMatchObject({ maxNodes: 4, isPlain: false });
    expect(plan(1)).toMatchObject({ maxNodes: 0, isPlain: true });
  });

  it('decodes few plain tokens at a time while threads are given up, for they come back unannounced', () => {
    const cost = costOf();
    const planner = plannerOf(false, undefined, cost);
    play({ confidence: () => 0.3, acceptance: () => 0.1, lookingMs: 20 }, 3000, { planner });
    const longest = (): number => {
      const asked = Array.from({ length: 9 }, () => planner.plan(3000).numPlainTokens ?? 0);
      return Math.max(...asked);
    };
    expect(longest()).toBeGreaterThan(16);
    cost.setThreadShare(0.5);
    expect(longest()).toBeLessThanOrEqual(16);
  });

  it('leaves the first tokens to plain decoding, and says what it does', () => {
    const planner = plannerOf();
    expect(planner.startsPlain).toBe(true);
    planner.begin();
    expect(planner.plan(0)).toMatchObject({ maxNodes: 0, isPlain: true });
    play(copying, 400, { planner });
    expect(planner.report.reason).toMatch(/promise .* a round; .* times as fast/);
  });
});
