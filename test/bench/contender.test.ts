import { describe, expect, it } from 'vitest';
import { EngineContender, type TurnAnswer, type TurnRequest } from '../../src/bench/contender.js';
import { FixedPlanner, type RoundPlan } from '../../src/cost/round-planner.js';
import type { Engine } from '../../src/engine/engine.js';
import type { RoundRecord } from '../../src/metrics/counters.js';
import { FakeDrafter, fakeGeneration } from '../helpers/fake-engine.js';

/** Drafts three tokens a round, but for the first ones. */
class LatePlanner extends FixedPlanner {
  #numPlain: number;

  constructor(numPlain: number) {
    super(3, false);
    this.#numPlain = numPlain;
  }

  override plan(): RoundPlan {
    return this.#numPlain-- > 0 ? { maxNodes: 0, isPlain: true } : super.plan();
  }
}

/** The answer of an engine with so many plain rounds first, and what its rounds took. */
async function answerAfter(
  numPlain: number,
  maxTokens: number,
  changes: object = {},
): Promise<[TurnAnswer, number[]]> {
  const generation = fakeGeneration({
    drafter: new FakeDrafter(),
    planner: new LatePlanner(numPlain),
    maxTokens,
  });
  const records: RoundRecord[] = [];
  const engine = {
    drafterName: 'fake',
    verifierFor: () => ({ lossless: true }),
    generate: () => ({
      async *[Symbol.asyncIterator]() {
        for await (const event of generation) {
          if (event.type === 'round') records.push(event.round);
          yield event;
        }
      },
      get result() {
        return generation.result;
      },
    }),
    ...changes,
  };
  const request = {
    tokens: Int32Array.of(0, 1, 2),
    maxTokens,
    sampling: {},
    seed: 0,
  } as Partial<TurnRequest>;
  const contender = new EngineContender(engine as unknown as Engine);
  const answer = await contender.answer(request as TurnRequest);
  return [answer, records.map(({ roundMs }) => roundMs)];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('the speed of an answer of this engine', () => {
  it('is that after the first token where that came by itself before drafts', async () => {
    const [answer, times] = await answerAfter(1, 13);
    expect(answer).toMatchObject({ outputTokens: 13, decodedTokens: 12, plainRounds: 1 });
    expect(answer.decodeMs).toBeCloseTo(sum(Object.values(answer.times!)) - times[0]!, 6);
  });

  it('is that of all rounds where the first one brought several', async () => {
    const [answer] = await answerAfter(0, 12);
    expect(answer).toMatchObject({ outputTokens: 12, decodedTokens: 12, plainRounds: 0 });
    expect(answer.decodeMs).toBeCloseTo(sum(Object.values(answer.times!)), 6);
  });

  it('is that of all tokens where more of the first ones came plainly', async () => {
    const [answer] = await answerAfter(2, 12);
    expect(answer).toMatchObject({ outputTokens: 12, decodedTokens: 12, plainRounds: 2 });
    expect(answer.decodeMs).toBeCloseTo(sum(Object.values(answer.times!)), 6);
  });

  it('is told with what a lossy rule spent, and with nothing under a rule that spends nothing', async () => {
    const answer = (lossless: boolean) => answerAfter(1, 13, { verifierFor: () => ({ lossless }) });
    const [[lossy], [exact]] = [await answer(false), await answer(true)];
    expect([lossy.bias, exact.bias]).toEqual([0, null]);
  });

  it('is that of the only token where there is one', async () => {
    const [answer] = await answerAfter(1, 1);
    expect(answer.decodedTokens).toBe(1);
    expect(answer.decodeMs).toBeCloseTo(sum(Object.values(answer.times!)), 6);
  });
});
