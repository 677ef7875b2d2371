// The guard in a real engine: what it keeps, and that nothing else about a generation changes.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sum } from 'simple-statistics';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ExpectedSpeeds } from '../../src/cost/expected-speed.js';
import { GuardPlanner } from '../../src/cost/guard.js';
import { Hindsight } from '../../src/cost/hindsight.js';
import { SelectingPlanner } from '../../src/cost/selecting-planner.js';
import type { RoundPlan, RoundPlanner } from '../../src/cost/round-planner.js';
import { DraftModelDrafter } from '../../src/draft/draft-model.js';
import { Guards } from '../../src/engine/guards.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { numBatchNodes, undraftedRound } from '../../src/metrics/counters.js';
import { PlainPace } from '../../src/metrics/plain-pace.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext, loadEngine } from '../helpers/engines.js';
import { likeliest } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-guarded-'));
const file = (name: string): string => join(folder, `${name}.gguf`);
const cache = process.env['OUTRIDER_CACHE'];
const greedy = { maxTokens: 80, sampling: { temperature: 0 }, ignoreEos: true } as const;

beforeAll(() => {
  const shape = { contextLength: 1024, headDim: 64 };
  writeTinyModel(file('target'), { ...shape, layers: 6, embedding: 256, feedForward: 512 });
  writeTinyModel(file('other'), { ...shape, seed: 5 });
  const noise = { seed: 1, relative: 0.05 };
  writeTinyModel(file('draft'), { ...shape, layers: 6, embedding: 256, feedForward: 512, noise });
  process.env['OUTRIDER_CACHE'] = join(folder, 'cache');
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  if (cache === undefined) delete process.env['OUTRIDER_CACHE'];
  else process.env['OUTRIDER_CACHE'] = cache;
  rmSync(folder, { recursive: true });
});

const kept = (): string[] => {
  try {
    return readdirSync(join(folder, 'cache', 'cost')).sort();
  } catch {
    return [];
  }
};

async function generate(draft: string | undefined, options: Omit<EngineOptions, 'target' | 'draft'> = {}) {
  const engine = await loadEngine(file('target'), draft && file(draft), options);
  const result = await engine.generate('a story of old times', greedy).finish();
  await engine.dispose();
  return result;
}

/** The first plan that drafts. */
function planOf(planner: RoundPlanner): RoundPlan {
  for (let length = 1; ; length++) {
    const plan = planner.plan(length);
    if (plan.maxNodes > 0) return plan;
    planner.observe(undraftedRound({ isPlain: true, draftMs: 0, decodeMs: 1, verifyMs: 0, roundMs: 1 }));
  }
}

describe('a guarded engine', () => {
  it('says what plain decoding says, with a good draft and with a useless one', async () => {
    const plain = await generate(undefined);
    for (const draft of ['target', 'other']) {
      const shares: number[] = [];
      const guarded = await generate(draft, { guard: true, onMeasure: (share) => shares.push(share) });
      expect(guarded.tokens).toEqual(plain.tokens);
      expect(guarded.lossless).toBe(true);
      expect(['speculating', 'plain']).toContain(guarded.stats.guard.state);
      expect(guarded.stats.guard.reason).not.toBe('');
      expect(shares.at(-1)).toBe(1);
    }
  });

  it.each([
    ['a model and suffix', 0, ['model', 'suffix']],
    ['a model and suffix', 1, ['model', 'suffix']],
    ['suffix', 0, 'suffix'],
    ['suffix', 1, 'suffix'],
  ] as const)(
    'fills batches up to one size, which changes nothing: %s, temperature %d',
    async (_, temperature, drafter) => {
      const held: RoundPlan = { maxNodes: 6, numBatchNodes: 6, minAcceptance: 0.3, isPlain: false };
      for (const planner of [GuardPlanner, SelectingPlanner])
        vi.spyOn(planner.prototype, 'plan').mockReturnValue(held);
      // Under match what is drafted decides nothing about the output.
      const options = { guard: true, verifier: 'match', drafter: drafter as string } as const;
      const engine = await loadEngine(
        file('target'),
        drafter === 'suffix' ? undefined : file('draft'),
        options,
      );
      const plain = await loadEngine(file('target'), undefined);
      const sizes: number[] = [];
      const drafted: number[] = [];
      for (let seed = 0; seed < 4; seed++) {
        const request = { ...greedy, sampling: { temperature }, seed };
        const generation = engine.generate('a story of old times, of old times', request);
        for await (const event of generation) {
          if (event.type !== 'round') continue;
          sizes.push(numBatchNodes(event.round));
          drafted.push(event.round.numDraftTokens);
        }
        const expected = await plain.generate('a story of old times, of old times', request).finish();
        expect(generation.result.tokens).toEqual(expected.tokens);
      }
      expect(new Set(sizes)).toEqual(new Set([6]));
      if (drafter !== 'suffix') expect(Math.min(...drafted)).toBeLessThan(6);
      expect(Math.max(...drafted)).toBeGreaterThan(0);
      await engine.dispose();
      await plain.dispose();
    },
  );

  it('has a draft model say what it would have drafted, and goes on as if it had not', async () => {
    vi.spyOn(ExpectedSpeeds.prototype, 'couldPay').mockReturnValue(true);
    vi.spyOn(Hindsight.prototype, 'left').mockImplementation(function (this: Hindsight) {
      return Math.max(0, 8 - this.numTokens);
    });
    const looks: { tokens: number[]; accepted: readonly boolean[] }[] = [];
    const look = Reflect.get(DraftModelDrafter.prototype, 'lookBack') as DraftModelDrafter['lookBack'];
    vi.spyOn(DraftModelDrafter.prototype, 'lookBack').mockImplementation(async function (
      this: DraftModelDrafter,
      request,
    ) {
      const accepted = await look.call(this, request);
      looks.push({ tokens: Array.from(request.tokens), accepted: accepted! });
      return accepted;
    });
    const plain = await generate(undefined);
    for (const drafter of ['model', ['model', 'suffix']]) {
      const before = looks.length;
      const guarded = await generate('draft', { guard: true, drafter });
      expect(guarded.tokens).toEqual(plain.tokens);
      expect(looks.length).toBeGreaterThan(before + 2);
    }
    expect(looks.length).toBeGreaterThan(6);
    const model = await loadModel(file('draft'), { gpu: 'off' });
    const context = await model.createContext({ ...exactContext, contextSize: 256 });
    const sequence = context.sequence();
    for (const { tokens, accepted } of looks) {
      await sequence.truncate(0);
      const { rows } = await sequence.decode({ tokens: tokens.slice(0, -1), sampler: new Sampler() });
      const likeliestAfter = (index: number): number => likeliest(rows.row(index));
      const start = tokens.length - accepted.length;
      expect(accepted).toEqual(
        accepted.map((_, index) => likeliestAfter(start + index - 1) === tokens[start + index]),
      );
      rows.release();
    }
    const all = looks.flatMap(({ accepted }) => accepted);
    expect(new Set(all)).toEqual(new Set([true, false]));
    context.dispose();
    model.dispose();
  });

  it('works with drafters that need no model', async () => {
    const plain = await generate(undefined);
    for (const drafter of ['suffix', 'prompt-lookup', 'token-recycling', ['suffix', 'token-recycling']]) {
      const guarded = await generate(undefined, { guard: true, drafter });
      expect(guarded.tokens).toEqual(plain.tokens);
    }
  });

  it('remembers what plain tokens took for the next answer, but not those of a thinned target', async () => {
    const observe = vi.spyOn(PlainPace.prototype, 'observe');
    const numRemembered = async (sparse?: EngineOptions['sparse']): Promise<number> => {
      observe.mockClear();
      await generate(undefined, { guard: true, drafter: 'suffix', sparse });
      return observe.mock.calls.length;
    };
    expect(await numRemembered()).toBeGreaterThan(1);
    expect(await numRemembered({ attention: { tokens: 32, localTokens: 16 }, recheckTokens: 4 })).toBe(0);
  });

  it('keeps what it learnt of acceptance when it is asked to', async () => {
    const before = kept();
    await generate('other', { guard: true, keepAcceptance: false });
    expect(kept().filter((name) => name.endsWith('.acceptance.json'))).toEqual(
      before.filter((name) => name.endsWith('.acceptance.json')),
    );
    await generate('other', { guard: true, keepAcceptance: true });
    expect(kept().filter((name) => name.endsWith('.acceptance.json')).length).toBeGreaterThan(0);
  });

  it('leaves the size of drafts to a drafter that can tell what is worth its time', () => {
    const sizes = [false, true].map((isSelective) => {
      const batches = [1, 2, 9].map((numTokens) => ({ numTokens, contextLength: 0, ms: 10 + numTokens }));
      const calibration = { batches, drafts: [{ numNodes: 1, ms: 1 }] };
      const common = { calibration, maxNodes: 8, isMeasuring: false, isWeightless: false };
      const guard = new Guards({ ...common, isSelective }).of('temperature 0');
      for (let round = 0; round < 40; round++) {
        const { maxNodes: size, isPlain } = guard.plan(round);
        const one = {
          numDraftTokens: Math.min(1, size),
          draftDepth: 1,
          numAccepted: Math.min(1, size),
          bias: 0,
        };
        const times = { draftMs: 1, decodeMs: 10 + size, verifyMs: 0, roundMs: 11 + size };
        guard.observe({ ...one, ...times, acceptedNodes: size > 0 ? [0] : [], isPlain });
      }
      return guard.plan(40).maxNodes;
    });
    expect(sizes[0]).toBeLessThan(8);
    expect(sizes[1]).toBe(8);
  });

  it('keeps what came true of confidences, and adds to it', async () => {
    const triesIn = (path: string): number => {
      const text = readFileSync(path.replace('.json', '.acceptance.json'), 'utf8');
      const { kinds } = JSON.parse(text) as { kinds: Record<string, { tried: number[] }> };
      return sum(Object.values(kinds)[0]!.tried);
    };
    const path = join(folder, 'learnt.json');
    const node = { confidence: 0.5, parent: -1, depth: 1 };
    for (const tries of [5, 10]) {
      const guards = new Guards({
        ...{
          calibration: { batches: [], drafts: [] },
          maxNodes: 4,
          isMeasuring: false,
          isWeightless: true,
          path,
        },
      });
      const { selector } = planOf(guards.of('temperature 0'));
      for (let turn = 0; turn < 5; turn++) selector!.learn(node, true);
      guards.save();
      expect(triesIn(path)).toBe(tries);
    }
    const before = new Set(kept());
    await generate(undefined, { guard: true, drafter: 'suffix', keepAcceptance: true });
    const [name] = kept().filter((one) => one.endsWith('.acceptance.json') && !before.has(one));
    expect(triesIn(join(folder, 'cache', 'cost', name!.replace('.acceptance', '')))).toBeGreaterThan(0);
  });
});
