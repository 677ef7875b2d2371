// Skipped experts against models of the same weights that use fewer.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Distribution } from '../../src/sampling/distribution.js';
import type { ExpertPlan } from '../../src/sparse/plan.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext } from '../helpers/engines.js';
import { rowDistance, takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-experts-'));
const tokens = [300, 271, 305, 290, 288, 301, 276, 295];
const layers = 1;
const allExperts = 4;

beforeAll(() => {
  for (let expertsUsed = 1; expertsUsed <= allExperts; expertsUsed++) {
    const shape = { architecture: 'qwen3moe', layers, experts: 8, expertsUsed } as const;
    writeTinyModel(file(expertsUsed), shape);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(expertsUsed: number): string {
  return join(folder, `uses-${expertsUsed}.gguf`);
}

async function rowsOf(
  expertsUsed: number,
  experts?: ExpertPlan,
  { batch = tokens, parents }: { batch?: readonly number[]; parents?: readonly number[] } = {},
): Promise<Distribution[]> {
  using model = await loadModel(file(expertsUsed), { gpu: 'off' });
  using context = await model.createContext(exactContext);
  return takeRows(
    await context.sequence().decode({ tokens: batch, parents, sampler: new Sampler(), sparse: { experts } }),
  );
}

function largestDistance(one: readonly Distribution[], other: readonly Distribution[]): number {
  return Math.max(...one.map((row, index) => rowDistance(row, other[index]!)));
}

describe('tokens that skip experts', () => {
  it.each([1, 2, 3])('have the rows of a model that uses %i fewer', async (skipped) => {
    const thinned = await rowsOf(allExperts, { skipped });
    expect(largestDistance(thinned, await rowsOf(allExperts - skipped))).toBeLessThan(1e-5);
    expect(largestDistance(thinned, await rowsOf(allExperts))).toBeGreaterThan(1e-3);
  });

  it('always keep one', async () => {
    expect(largestDistance(await rowsOf(allExperts, { skipped: 9 }), await rowsOf(1))).toBeLessThan(1e-5);
  });

  it('skip none where no share is small enough, with the very bits of a dense batch but for their order', async () => {
    const none = await rowsOf(allExperts, { skipped: 2, shares: [[0, 0]] });
    expect(largestDistance(none, await rowsOf(allExperts))).toBeLessThan(1e-5);
  });

  it('skip as many as the shares of their own weights allow', async () => {
    const references = await Promise.all([4, 3, 2].map((used) => rowsOf(used)));
    const skippedAt = async (one: number, two: number): Promise<number[]> => {
      const thinned = await rowsOf(allExperts, { skipped: 2, shares: [[one, two]] });
      const skipped = thinned.map((row, index) =>
        references.findIndex((rows) => rowDistance(row, rows[index]!) < 1e-5),
      );
      expect(skipped).not.toContain(-1);
      return skipped;
    };
    const limits = Array.from({ length: 30 }, (_, index) => index / 60);
    let before = tokens.map(() => 0);
    let numMixed = 0;
    for (const limit of limits) {
      // Two are skipped for their own share, whatever that of the lightest is.
      const skipped = await skippedAt(limit / 3, limit);
      for (const [index, count] of skipped.entries()) expect(count).toBeGreaterThanOrEqual(before[index]!);
      if (new Set(skipped).size > 1) numMixed += 1;
      before = skipped;
    }
    expect(before).toEqual(tokens.map(() => 2));
    expect(numMixed).toBeGreaterThan(3);
    expect(await skippedAt(0, 2)).toEqual(tokens.map(() => 2));
    expect(await skippedAt(2, 0)).toEqual(tokens.map(() => 1));
  });

  it('skip those that no other token of the batch wants', async () => {
    const lone = { skipped: 0, loneShare: 1 };
    // Alone, a token keeps its first one.
    const alone = await rowsOf(allExperts, lone, { batch: [300] });
    expect(largestDistance(alone, await rowsOf(1, undefined, { batch: [300] }))).toBeLessThan(1e-5);
    // The same token twice, as siblings, wants everything twice.
    const twins = { batch: [300, 271, 271], parents: [-1, 0, 0] };
    const [root, ...children] = await rowsOf(allExperts, lone, twins);
    const [, ...dense] = await rowsOf(allExperts, undefined, twins);
    expect(largestDistance(children, dense)).toBeLessThan(1e-5);
    const references = await Promise.all(
      [1, 2, 3, 4].map(async (used) => (await rowsOf(used, undefined, twins))[0]!),
    );
    expect(references.map((row) => rowDistance(row, root!) < 1e-5)).not.toEqual([false, false, false, true]);
  });

  it('skip lone experts only below the share that is asked for', async () => {
    const [dense, first] = [
      await rowsOf(allExperts, undefined, { batch: [300] }),
      await rowsOf(1, undefined, { batch: [300] }),
    ];
    const distances = [];
    for (const loneShare of [1e-6, 0.1, 0.2, 0.3, 1]) {
      distances.push(
        largestDistance(await rowsOf(allExperts, { skipped: 0, loneShare }, { batch: [300] }), dense),
      );
    }
    expect(distances[0]).toBeLessThan(1e-5);
    expect(distances).toEqual([...distances].sort((a, b) => a - b));
    expect(new Set(distances.map((distance) => distance.toFixed(6))).size).toBeGreaterThan(2);
    expect(distances.at(-1)).toBeCloseTo(largestDistance(first, dense), 5);
  });

  it.each([
    [
      { skipped: 0, loneShare: 1.5 },
      RangeError,
      'Expected a number in [0, 1] for the share of a lone expert',
    ],
    [{ skipped: 0 }, RangeError, 'for skipped experts but received 0'],
    [{ skipped: 2, shares: [[0.1]] }, RangeError, 'Expected 2 shares'],
  ])('are refused a plan that makes no sense: %j', async (experts, type, message) => {
    await expect(rowsOf(allExperts, experts)).rejects.toThrow(type);
    await expect(rowsOf(allExperts, experts)).rejects.toThrow(message);
  });
});
