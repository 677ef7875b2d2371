// What happens before the first token of an answer is told, and what has to wait until after it.
import { describe, expect, it } from 'vitest';
import { FixedPlanner } from '../../src/cost/round-planner.js';
import { fakeGeneration, FakeDrafter, FakeTarget } from '../helpers/fake-engine.js';

/** What a generation did, in its order. */
async function orderOf(prompt: readonly number[]): Promise<string[]> {
  const order: string[] = [];
  const planner = new FixedPlanner(1, false);
  const generation = fakeGeneration({
    prompt,
    drafter: new FakeDrafter(),
    planner: {
      startsPlain: false,
      report: planner.report,
      plan: () => planner.plan(),
      observe: () => order.push('learn'),
    },
    onBatch: () => order.push('look'),
  });
  for await (const event of generation) order.push(event.type);
  return order;
}

describe('the first token', () => {
  it('is told before anything is learnt from its round, and before a look at the machine, which comes after what is learnt', async () => {
    const order = await orderOf([0, 1, 2]);
    expect(order[0]).toBe('token');
    expect(order.filter((one) => one === 'learn').length).toBe(order.filter((one) => one === 'round').length);
    expect(order.indexOf('learn')).toBeLessThan(order.indexOf('round'));
    expect(order.indexOf('look')).toBeGreaterThan(order.indexOf('round'));
  });

  it('of a long prompt comes after a look at the machine, for the prompt is worth the threads', async () => {
    expect((await orderOf(Array.from({ length: 80 }, () => 1)))[0]).toBe('look');
  });

  it('is learnt from also where its reader goes away', async () => {
    let numLearnt = 0;
    const planner = new FixedPlanner(0, false);
    const generation = fakeGeneration({
      planner: {
        startsPlain: true,
        report: planner.report,
        plan: () => planner.plan(),
        observe: () => (numLearnt += 1),
      },
    });
    for await (const event of generation) if (event.type === 'token') break;
    expect(numLearnt).toBe(1);
  });
});

describe('a plain round by itself', () => {
  /** Ends, or fails where the target is asked for a run of tokens. */
  const finish = async (numCandidates: number | undefined, startsPlain: boolean): Promise<unknown> => {
    const target = Object.assign(new FakeTarget(), {
      extend: (): never => {
        throw new Error('a run of tokens');
      },
    });
    const drafter = Object.assign(new FakeDrafter(), { numCandidates });
    const { report } = new FixedPlanner(1, false);
    const planner = {
      startsPlain,
      report,
      plan: () => ({ maxNodes: 0, isPlain: true }),
      observe: () => undefined,
    };
    return fakeGeneration({ target, drafter, planner }).finish();
  };

  it('is a run of one token, but where the drafter is told what else was likely', async () => {
    await expect(finish(undefined, false)).rejects.toThrow('a run of tokens');
    await expect(finish(2, true)).rejects.toThrow('a run of tokens');
    await expect(finish(2, false)).resolves.toMatchObject({ finishReason: 'length' });
  });
});
