import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type * as measuring from '../../src/engine/measure-cost.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { runMain } from './run-main.js';

/** What is measured on a GPU only. */
const onGpu = vi.hoisted(() => ({ sizeChangeMs: undefined as number | undefined }));
vi.mock('../../src/engine/measure-cost.js', async (importOriginal) => {
  const original = await importOriginal<typeof measuring>();
  return {
    ...original,
    measureCost: async (options: measuring.MeasureCostOptions) => ({
      ...(await original.measureCost(options)),
      ...onGpu,
    }),
  };
});

const folder = mkdtempSync(join(tmpdir(), 'outrider-tune-'));
const [target, draft] = [join(folder, 'target.gguf'), join(folder, 'draft.gguf')];
const tune = (...args: string[]) =>
  runMain(['tune', '--target', target, '--gpu', 'off', '--threads', '1', '--context-size', '1024', ...args]);

beforeAll(() => {
  writeTinyModel(target, { contextLength: 1024 });
  writeTinyModel(draft, { contextLength: 1024, noise: { seed: 1, relative: 0.1 } });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('outrider tune', () => {
  it('shows what rounds cost after several lengths of context, and what follows', async () => {
    const { stdout, status } = await tune('--draft', draft);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^0 tokens of context: plain decoding takes \d+\.\d\d ms a token$/m);
    expect(stdout).toMatch(/^512 tokens of context/m);
    expect(stdout).not.toMatch(/^2048 tokens/m);
    expect(stdout).toMatch(/^ *16 +\d+\.\d\d +\d+\.\d\d +\u2588+/m);
    expect(stdout.match(/0\.95 of draft tokens accepted/g)).toHaveLength(2);
  });

  it('prints one object with --json', async () => {
    const { stdout, status } = await tune('--draft', draft, '--json');
    expect(status).toBe(0);
    const { curves, sizeChangeMs } = JSON.parse(stdout) as {
      sizeChangeMs: number;
      curves: { contextLength: number; plainMs: number; rounds: { draftTokens: number; ms: number }[] }[];
    };
    expect(sizeChangeMs).toBe(0);
    expect(curves.map(({ contextLength }) => contextLength)).toEqual([0, 512]);
    for (const { plainMs, rounds } of curves) {
      expect(plainMs).toBeGreaterThan(0);
      expect(rounds.map(({ draftTokens }) => draftTokens)).toEqual([1, 2, 3, 4, 6, 8, 12, 16]);
      expect(rounds.at(-1)!.ms).toBeGreaterThan(rounds[0]!.ms);
    }
  });

  it('says what a change of size takes, where it takes anything', async () => {
    onGpu.sizeChangeMs = 9.25;
    const changing = await tune('--draft', draft);
    onGpu.sizeChangeMs = undefined;
    expect(changing.stdout).toMatch(/^Rounds of another size than those before take 9\.25 ms more/m);
    expect((await tune('--draft', draft)).stdout).not.toContain('Rounds of another size');
  });

  it('wants a drafter, and the guard', async () => {
    const without = await tune('--drafter', 'none');
    expect(without.status).toBe(2);
    expect(without.stderr).toContain('Expected a drafter to tune');
    const off = await tune('--draft', draft, '--guard', 'off');
    expect(off.status).toBe(2);
    expect(off.stderr).toContain('--guard on');
  });
});
