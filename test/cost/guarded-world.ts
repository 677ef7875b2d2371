// A simulated world for guards, where costs and acceptance are known.
import { mean, sum } from 'simple-statistics';
import { ExpectedTokens } from '../../src/cost/expected-tokens.js';
import { GuardPlanner } from '../../src/cost/guard.js';
import { RoundCost } from '../../src/cost/round-cost.js';
import type { RoundPlan } from '../../src/cost/round-planner.js';
import { PlainPace } from '../../src/metrics/plain-pace.js';
import { Purpose, uniform } from '../../src/sampling/random.js';

export const maxNodes = 16;

export interface World {
  /** Milliseconds of a target batch. */
  readonly batchMs: (numTokens: number, contextLength: number) => number;
  readonly draftMs: (numNodes: number) => number;
  /** Probability that a draft token is accepted, by output position. */
  readonly acceptance: (position: number) => number;
  /** Relative spread of times. */
  readonly noise?: number;
  /** Milliseconds that a drafter takes to read a text before its first draft. */
  readonly beginMs?: number;
  /** Drafts leave away what is not worth its time. */
  readonly isSelective?: boolean;
  /** The drafter looks back over plain tokens, and takes so many milliseconds for each. */
  readonly lookMs?: number;
  /** Draft tokens that there are at most, by output position; default as many as are asked for. */
  readonly mostDrafted?: (position: number) => number;
  /** Milliseconds that the first batches of another size than the one before them take beyond those that follow. */
  readonly changeMs?: readonly number[];
}

/** Draft tokens of a round that is asked for so many. */
function numDraftedOf(
  world: World,
  { maxNodes: size, minAcceptance = 0 }: RoundPlan,
  position: number,
): number {
  const most = Math.min(size, world.mostDrafted?.(position) ?? size);
  if (world.isSelective !== true) return most;
  let [numNodes, probability] = [0, 1];
  while (numNodes < most && (probability *= world.acceptance(position + numNodes)) >= minAcceptance)
    numNodes++;
  return numNodes;
}

/** Tokens of the last batch that a guard had decoded, and how many of that size came before it in a row. */
const lastSizes = new WeakMap<GuardPlanner, [size: number, numBefore: number]>();

/** Plays a generation after a text of `start` tokens; the speed against plain decoding, and what was drafted. */
export function play(world: World, numTokens: number, { guard = guardOf(world), seed = 1, start = 0 } = {}) {
  let [position, ms, plainMs, call] = [start, 0, 0, 0];
  const end = start + numTokens;
  const random = (): number => uniform(seed, Purpose.accept, call++);
  const noisy = (value: number): number => value * (1 + (world.noise ?? 0) * (random() - 0.5));
  const drafts: { position: number; numNodes: number }[] = [];
  const looks: number[] = [];
  let [lastSize, numOfSize] = lastSizes.get(guard) ?? [1, 2];
  const changeMs = (size: number): number => {
    numOfSize = size === lastSize ? numOfSize + 1 : 0;
    lastSize = size;
    lastSizes.set(guard, [lastSize, numOfSize]);
    return world.changeMs?.[numOfSize] ?? 0;
  };
  guard.begin();
  while (position < end) {
    const plan = guard.plan(position, end - position);
    if (plan.looksBack !== undefined) {
      const hasBegun = looks.length > 0 || drafts.some(({ numNodes }) => numNodes > 0);
      const lookMs = (world.lookMs ?? 0) * plan.looksBack + (hasBegun ? 0 : (world.beginMs ?? 0));
      const seen = Array.from({ length: plan.looksBack }, (_, index) => position - plan.looksBack! + index);
      ms += lookMs;
      looks.push(position);
      guard.lookedBack({ accepted: seen.map((at) => random() < world.acceptance(at)), ms: lookMs });
      continue;
    }
    const numPlain = plan.maxNodes === 0 ? Math.min(plan.numPlainTokens ?? 1, end - position) : 1;
    const first = position;
    // The first token of a call is told by itself, and those behind it together.
    const plainTimes = Array.from({ length: plan.maxNodes === 0 ? numPlain : 0 }, (_, token) => {
      const extraMs = changeMs(1);
      ms += world.batchMs(1, first + token) + extraMs;
      return noisy(world.batchMs(1, first + token) + extraMs);
    });
    const toldLater = plainTimes.slice(1);
    const told = [...plainTimes.slice(0, 1), ...toldLater.map(() => mean(toldLater))];
    for (let round = 0; round < numPlain; round++) {
      const acceptedNodes: number[] = [];
      const numDraft = numDraftedOf(world, plan, position);
      while (
        acceptedNodes.length < numDraft &&
        random() < world.acceptance(position + acceptedNodes.length)
      ) {
        acceptedNodes.push(acceptedNodes.length);
      }
      const numAccepted = acceptedNodes.length;
      const numFillTokens = Math.max(0, (plan.numBatchNodes ?? 0) - numDraft);
      const size = numDraft + numFillTokens + 1;
      const batchMs = told[round] ?? world.batchMs(size, position) + changeMs(size);
      const decodeMs = told[round] ?? noisy(batchMs);
      const isBeginning =
        plan.maxNodes > 0 && looks.length === 0 && drafts.every(({ numNodes }) => numNodes === 0);
      const beginMs = isBeginning ? (world.beginMs ?? 0) : 0;
      const draftMs = plan.maxNodes === 0 ? 0 : beginMs + noisy(world.draftMs(Math.max(1, numDraft)));
      if (plan.maxNodes > 0) ms += batchMs + beginMs + world.draftMs(Math.max(1, numDraft));
      for (let token = 0; token <= numAccepted; token++) plainMs += world.batchMs(1, position + token);
      drafts.push({ position, numNodes: plan.maxNodes });
      position += numAccepted + 1;
      guard.observe({
        numDraftTokens: numDraft,
        numFillTokens,
        draftDepth: numDraft,
        numAccepted,
        acceptedNodes,
        bias: 0,
        isPlain: plan.isPlain,
        isSettling: plan.isSettling,
        draftMs,
        decodeMs,
        verifyMs: 0,
        roundMs: decodeMs + draftMs,
      });
    }
  }
  return { speedup: plainMs / ms, drafts, looks, ms, plainMs };
}

/** Speed against plain decoding over many short generations of one guard, the first left out. */
export function playShort(world: World, numTokens: number, numGenerations: number): number {
  const guard = guardOf(world);
  play(world, numTokens, { guard, seed: 100 });
  const all = Array.from({ length: numGenerations }, (_, seed) => play(world, numTokens, { guard, seed }));
  return sum(all.map(({ plainMs }) => plainMs)) / sum(all.map(({ ms }) => ms));
}

/** Answers before have told what plain decoding takes. */
const knownPace: PlainPace = Object.assign(new PlainPace(), { near: () => [1, 1] });

/** A guard that has measured the world at some sizes. */
export function guardOf(
  world: World,
  isMeasuring = true,
  readMsPerToken = world.lookMs,
  pace = world.changeMs === undefined ? knownPace : undefined,
): GuardPlanner {
  const batches = [1, 2, 3, 5, 9, 17].map((numTokens) => ({
    numTokens,
    contextLength: 0,
    ms: world.batchMs(numTokens, 0),
  }));
  const drafts = [1, 2, 4, 8, 16].map((numNodes) => ({ numNodes, ms: world.draftMs(numNodes) }));
  return new GuardPlanner({
    cost: new RoundCost({ batches, drafts, sizeChangeMs: sum(world.changeMs ?? [0]) }),
    tokens: new ExpectedTokens(maxNodes),
    maxNodes,
    isMeasuring,
    isSelective: world.isSelective,
    readMsPerToken,
    canLookBack: world.lookMs !== undefined,
    pace,
  });
}

export const onCpu = (numTokens: number): number => 50 + 20 * (numTokens - 1);
export const cheapDraft = (numNodes: number): number => 3 * numNodes;
export const useless: World = { batchMs: onCpu, draftMs: cheapDraft, acceptance: () => 0.02, noise: 0.1 };
export const good: World = { ...useless, acceptance: () => 0.85 };

/** The best speedup of any fixed size. */
export function bestFixed({ batchMs, draftMs, acceptance }: World): number {
  const rate = acceptance(0);
  let best = 1;
  for (let size = 1; size <= maxNodes; size++) {
    let [expected, reached] = [1, 1];
    for (let node = 0; node < size; node++) expected += reached *= rate;
    best = Math.max(best, (expected * batchMs(1, 0)) / (batchMs(size + 1, 0) + draftMs(size)));
  }
  return best;
}
