import { describe, expect, it } from 'vitest';
import { settingsOf, type MeasuredPlan } from '../../src/bench/run-settings.js';

const prompt = { id: 'a', category: 'all', before: [], questions: ['?'], check: undefined };
const plan = {
  trial: { workload: 'stories', method: 'mine', temperature: 0, nodes: null },
  method: { kind: 'engine', name: 'mine', requested: '', options: { drafter: ['suffix'] } },
  prompts: [prompt],
  ...{ sampling: { topK: 40 }, context: { threads: 2 }, gpu: 'off', gpuLayers: undefined },
  ...{ ignoreEos: false },
} as const satisfies MeasuredPlan;

/** Names of the settings that a change shows in. */
function changedBy(change: Partial<MeasuredPlan>): string[] {
  const [before, now] = [settingsOf([plan]), settingsOf([{ ...plan, ...change }])];
  return Object.keys(before).filter((name) => before[name] !== now[name]);
}

describe('what samples depend on', () => {
  it.each([
    ['method mine', { method: { ...plan.method, options: { drafter: ['suffix'], guard: false } } }],
    ['set of prompts stories', { prompts: [{ ...prompt, questions: ['!'] }] }],
    ['sampling', { sampling: { topK: 20 } }],
    ['context', { context: { threads: 4 } }],
    ['context', { context: { threads: 2, kvType: 'f32' } }],
    ['GPU', { gpu: 'auto' }],
    ['GPU', { gpuLayers: 3 }],
    ['ignore-eos', { ignoreEos: true }],
  ] as const satisfies readonly (readonly [string, Partial<MeasuredPlan>])[])('is %s: %j', (name, change) => {
    expect(changedBy(change)).toEqual([name]);
  });

  it('is the bias of each token', () => {
    const biased = (bias: number) => {
      const sampling = { logitBias: new Map([[1, bias]]) } as MeasuredPlan['sampling'];
      return settingsOf([{ ...plan, sampling }]);
    };
    expect(biased(2)).not.toEqual(biased(3));
  });

  it('is the same for the same, whatever the prompts are shared by', () => {
    const other = { ...plan, trial: { ...plan.trial, temperature: 1 } };
    expect(settingsOf([plan, other])).toEqual(settingsOf([plan]));
  });
});
