import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { demoTaskNames as tasks } from '../models/demo-prompts.js';
import { runMain } from './run-main.js';

const leftBehind = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('outrider-demo-'));

describe('demo', () => {
  it(
    'answers one prompt of each task with and without speculation, and takes its files away',
    { timeout: 180_000 },
    async () => {
      const before = leftBehind();
      const { status, stdout } = await runMain(['demo', '--parameters', '20M', '--threads', '1', '--json']);
      expect(status).toBe(0);
      const report = JSON.parse(stdout) as {
        speedup: number;
        tasks: { task: string; isCorrect: boolean; sameText: boolean; acceptanceRate: number }[];
      };
      expect(report.tasks.map(({ task }) => task)).toEqual(tasks);
      expect(report.tasks.filter(({ sameText }) => sameText).length).toBeGreaterThanOrEqual(tasks.length - 1);
      expect(report.tasks.filter(({ isCorrect }) => isCorrect).length).toBeGreaterThanOrEqual(
        tasks.length - 2,
      );
      for (const { acceptanceRate } of report.tasks) expect(acceptanceRate).toBeGreaterThan(0.2);
      expect(report.speedup).toBeGreaterThan(0);
      expect(leftBehind()).toEqual(before);
    },
  );

  it('refuses a size that is none with status 2', async () => {
    const { status, stderr } = await runMain(['demo', '--parameters', 'big']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/Expected a count such as 300M/);
  });
});
