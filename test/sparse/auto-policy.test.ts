// The choice of what to leave out, in simulated worlds where costs are known.
import { describe, expect, it } from 'vitest';
import { ThinnedCost } from '../../src/cost/thinned-cost.js';
import { Purpose, uniform } from '../../src/sampling/random.js';
import { AutoSparsePolicy, variantOf } from '../../src/sparse/auto-policy.js';
import type { FixedSparseOptions } from '../../src/sparse/policy.js';
import { VariantChooser, denseVariant } from '../../src/sparse/variant-chooser.js';

/** Milliseconds of a batch, by what it leaves out. */
type World = (variant: string, numTokens: number, contextLength: number) => number;

const attention = { tokens: 1000 };
const experts = { skipped: 1 };
const numTokens = 5;
/** As on a CPU: attention costs as much per token as the context is long. */
const dense = (tokens: number, length: number): number => 20 + 4 * tokens + 0.004 * tokens * length;
const onCpu: World = (variant, tokens, length) => {
  const read = variant.includes('attention') ? Math.min(1000, length) : length;
  return (
    dense(tokens, read) + (variant.includes('attention') ? 2 : 0) - (variant.includes('experts') ? 8 : 0)
  );
};
/** As on a large GPU: next to nothing to save, and choosing costs more; experts cost what their union does, and sorting them. */
const onGpu: World = (variant, tokens, length) =>
  2 +
  0.01 * tokens +
  (0.6 * (variant.includes('attention') ? 1000 : length)) / 32_768 +
  (variant.includes('attention') ? 0.9 : 0) +
  (variant.includes('experts') ? 0.6 : 0);

/** A policy that has measured what an engine measures when it is created. */
function policyIn(world: World, options: FixedSparseOptions): AutoSparsePolicy {
  const variants = options.experts === undefined ? [denseVariant] : [denseVariant, 'experts'];
  const costs = new ThinnedCost(
    variants.flatMap((variant) =>
      [2, 3, 5, 9].map((size) => ({
        variant,
        numTokens: size,
        contextLength: 0,
        ms: world(variant, size, 0),
      })),
    ),
  );
  return new AutoSparsePolicy({ ...options, chooser: new VariantChooser(costs), costs });
}

/** What the batches of a generation left out. */
function play(
  policy: AutoSparsePolicy,
  world: World,
  from: number,
  numBatches: number,
  noise = 0.04,
  variants = ['dense', 'attention'],
) {
  const chosen: string[] = [];
  let [spent, best] = [0, 0];
  for (let batch = 0; batch < numBatches; batch++) {
    const state = { contextLength: from + 4 * batch, numTokens };
    const plan = policy.plan(state);
    const variant = variantOf(plan);
    chosen.push(variant);
    const ms = world(variant, numTokens, state.contextLength);
    spent += ms;
    best += Math.min(...variants.map((one) => world(one, numTokens, state.contextLength)));
    policy.observe(state, plan, ms * (1 + noise * (uniform(1, Purpose.accept, batch) - 0.5)));
  }
  const shareOf = (variant: string): number => chosen.filter((one) => one === variant).length / numBatches;
  return { chosen, shareOf, loss: spent / best - 1 };
}

describe('the policy auto', () => {
  it('leaves attention out of long contexts where that is faster', () => {
    const policy = policyIn(onCpu, { attention });
    const { shareOf, chosen, loss } = play(policy, onCpu, 4000, 300);
    expect(shareOf('attention')).toBeGreaterThan(0.9);
    expect(chosen.slice(-50)).toContain('attention');
    expect(loss).toBeLessThan(0.05);
    expect(policy.decisions.batches['attention']).toBe(chosen.filter((one) => one === 'attention').length);
    expect(policy.decisions.reason).toMatch(/^attention: a batch of 5 after \d+ tokens takes dense \d/);
  });

  it('never tries where reading no more than the budget would not pay', () => {
    const policy = policyIn(onCpu, { attention });
    const { shareOf } = play(policy, onCpu, 1010, 5);
    expect(shareOf('dense')).toBe(1);
    // 1,000 of 1,050 tokens are one millisecond of 61.
    expect(play(policy, onCpu, 1030, 5).shareOf('dense')).toBe(1);
    expect(policy.decisions.reason).toContain('attention at least');
    const flat: World = (variant) => (variant === 'dense' ? 50 : 40);
    expect(play(policyIn(flat, { attention }), flat, 4000, 300, 0).shareOf('dense')).toBe(1);
  });

  it('finds out that choosing costs more than it saves, and stays dense', () => {
    const policy = policyIn(onGpu, { attention, experts });
    const { shareOf, loss } = play(policy, onGpu, 32_000, 600, 0.01);
    expect(shareOf('dense')).toBeGreaterThan(0.9);
    expect(loss).toBeLessThan(0.03);
    expect(policy.decisions.reason).toMatch(/^dense: /);
  });

  it('takes each part by itself', () => {
    const dearExperts: World = (variant, tokens, length) =>
      onCpu(variant, tokens, length) + (variant.includes('experts') ? 20 : 0);
    const { shareOf } = play(policyIn(dearExperts, { attention, experts }), dearExperts, 4000, 400);
    expect(shareOf('attention')).toBeGreaterThan(0.85);
    const both = play(policyIn(onCpu, { attention, experts }), onCpu, 4000, 400);
    expect(both.shareOf('attention and experts')).toBeGreaterThan(0.85);
    const short = play(policyIn(onCpu, { attention, experts }), onCpu, 100, 200);
    expect(short.shareOf('experts')).toBeGreaterThan(0.9);
  });

  it('follows a change, in both directions', () => {
    let isSlow = false;
    const world: World = (variant, tokens, length) =>
      onCpu(variant, tokens, length) + (variant === 'attention' && isSlow ? 150 : 0);
    const policy = policyIn(world, { attention });
    expect(play(policy, world, 4000, 200).chosen.at(-1)).toBe('attention');
    isSlow = true;
    expect(play(policy, world, 4800, 100).shareOf('dense')).toBeGreaterThan(0.75);
    isSlow = false;
    expect(play(policy, world, 5200, 800).chosen.at(-1)).toBe('attention');
  });

  it('asks for a margin: what is a little faster is not worth a difference', () => {
    const little: World = (variant, tokens, length) =>
      (variant === 'experts' ? 0.985 : 1) * dense(tokens, length);
    expect(play(policyIn(little, { experts }), little, 100, 200, 0).shareOf('dense')).toBeGreaterThan(0.8);
    const worth: World = (variant, tokens, length) =>
      (variant === 'experts' ? 0.9 : 1) * dense(tokens, length);
    expect(play(policyIn(worth, { experts }), worth, 100, 200, 0).shareOf('experts')).toBeGreaterThan(0.8);
  });

  it('takes no plan for batches that are dense in any case', () => {
    const policy = policyIn(onCpu, { attention });
    expect(policy.plan({ contextLength: 1000, numTokens })).toBeUndefined();
    expect(policy.plan({ contextLength: 5000, numTokens: 1 })).toBeUndefined();
    policy.observe({ contextLength: 5000, numTokens: 1 }, undefined, 3);
    expect(policy.decisions.batches).toEqual({});
  });
});

describe('costs of thinned batches', () => {
  it('are known in another process', () => {
    const costs = new ThinnedCost([{ variant: 'dense', numTokens: 5, contextLength: 0, ms: 40 }]);
    for (let batch = 0; batch < 9; batch++) {
      costs.observe({ variant: 'attention', numTokens: 5, contextLength: 4000 + batch, ms: 60 });
    }
    const again = new ThinnedCost(costs.toJSON());
    expect(again.predict('attention', 5, 4000)).toBe(60);
    expect(again.predict('dense', 5, 0)).toBe(40);
    expect(again.predict('experts', 5, 0)).toBeUndefined();
  });

  it('leave out the first batches of a kind, for those build graphs, unless kinds never stay', () => {
    const costs = new ThinnedCost();
    const observe = (size: number, ms: number): boolean =>
      costs.observe({ variant: 'attention', numTokens: size, contextLength: 4000, ms });
    expect([observe(5, 900), observe(5, 300), observe(5, 60)]).toEqual([false, false, true]);
    expect(costs.predict('attention', 5, 4000)).toBe(60);
    const counted = Array.from({ length: 9 }, (_, index) => observe(2 + (index % 3), 60));
    expect(counted).toContain(true);
  });
});
