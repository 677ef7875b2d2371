// The guard that sees what drafts would have brought, in a simulated world.
import { sum } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { good, guardOf, play, playShort, useless, type World } from './guarded-world.js';

describe('the guard with a drafter that looks back', () => {
  const [bad, fine] = [
    { ...useless, lookMs: 0.1 },
    { ...good, lookMs: 0.1 },
  ];

  it.each([false, true])(
    'notices within few tokens that speculation pays again (selective: %s)',
    (isSelective) => {
      const acceptance = (position: number): number => (position < 300 ? 0.02 : 0.9);
      for (const seed of [1, 2, 3, 4]) {
        const { drafts, looks } = play({ ...fine, acceptance, isSelective }, 600, { seed });
        const drafted = (from: number, to: number): number =>
          drafts.filter(({ position, numNodes }) => position >= from && position < to && numNodes > 0).length;
        expect(looks.length).toBeGreaterThan(10);
        expect(drafted(300, 400)).toBeGreaterThan(3);
        expect(drafted(400, 600)).toBeGreaterThan(15);
      }
    },
  );

  it('does not give up an unlucky one in a first text', () => {
    // It gets the first tokens wrong.
    const acceptance = (position: number): number => (position < 12 ? 0.02 : 0.85);
    const speed = (world: World): number => {
      const all = Array.from({ length: 12 }, (_, seed) => play(world, 150, { guard: guardOf(world), seed }));
      return sum(all.map(({ plainMs }) => plainMs)) / sum(all.map(({ ms }) => ms));
    };
    const without = speed({ ...good, acceptance });
    expect(speed({ ...fine, acceptance })).toBeGreaterThan(1.05 * without);
  });

  it('loses next to nothing with a useless one', () => {
    expect(playShort(bad, 150, 30)).toBeGreaterThan(0.985);
    expect(play(bad, 6000).looks.length).toBeGreaterThan(500);
  });

  it('bounds what it loses where looking back promises too much', () => {
    // Drafts that were made are never right.
    const guard = guardOf(bad);
    const lying = Object.assign(Object.create(guard) as typeof guard, {
      lookedBack: (look: Parameters<typeof guard.lookedBack>[0]) => {
        guard.lookedBack({ ...look, accepted: look.accepted?.map(() => true) });
      },
      begin: () => guard.begin(),
      plan: (...args: Parameters<typeof guard.plan>) => guard.plan(...args),
      observe: (...args: Parameters<typeof guard.observe>) => guard.observe(...args),
    });
    const { looks, speedup } = play(bad, 6000, { guard: lying });
    expect(looks.length).toBeGreaterThan(100);
    expect(speedup).toBeGreaterThan(0.95);
  });

  it('does not look at the end of a text', () => {
    const guard = guardOf(bad);
    play(bad, 300, { guard });
    const { looks } = play(bad, 64, { guard, seed: 2 });
    expect(looks.length).toBeGreaterThan(0);
    expect(Math.max(...looks)).toBeLessThan(64 - 31);
  });

  it('has long texts read only once that is a small share of the time', () => {
    // As long as ten plain tokens take.
    const world = { ...bad, beginMs: 500 };
    const guard = guardOf(world, true, 0.1);
    play(world, 300, { guard });
    const { looks, speedup } = play(world, 1500, { guard, seed: 2, start: 5000 });
    expect(looks[0]).toBeGreaterThan(5000 + 200);
    expect(speedup).toBeGreaterThan(0.97);
  });

  it('learns nothing of reading from a look that nothing was done for', () => {
    const doubtful = { ...good, draftMs: (numNodes: number) => 26 * numNodes, lookMs: 5 };
    const guard = guardOf(doubtful, false, 5);
    for (let text = 0; text < 5; text++) {
      guard.begin();
      guard.plan(200);
      guard.lookedBack({ accepted: undefined, ms: 0 });
    }
    // Still too long to be read for what a mediocre drafter would bring.
    guard.begin();
    guard.plan(200);
    expect(guard.plan(201).maxNodes).toBe(0);
  });

  it('never looks where that takes long', () => {
    expect(play({ ...bad, lookMs: 1 }, 600).looks).toEqual([]);
  });
});
