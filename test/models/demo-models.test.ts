import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { demoModel } from '../../src/cli/models.js';
import { runCli } from '../cli/run-cli.js';
import { runMain } from '../cli/run-main.js';
import { demoTaskNames } from './demo-prompts.js';

interface Score {
  task: string;
  accuracy: number;
  acceptanceRate: number | null;
}

/** Accuracy of every task but the longest, whose prompts take a while. */
async function scoresOf(limit: number, ...args: string[]): Promise<Map<string, Score>> {
  const files = demoTaskNames
    .filter((name) => name !== 'retrieval-4k')
    .map((name) => join(import.meta.dirname, '..', '..', 'models', 'eval', `${name}.jsonl`));
  const options = ['--limit', String(limit), '--gpu', 'off', '--threads', '1', '--json'];
  const { status, stdout, stderr } = await runMain(['eval', ...files, ...options, ...args]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const { tasks } = JSON.parse(stdout) as { tasks: Score[] };
  return new Map(tasks.map((score) => [score.task, score]));
}

const meanOf = (scores: Map<string, Score>): number =>
  [...scores.values()].reduce((sum, { accuracy }) => sum + accuracy / scores.size, 0);

describe('the demo models', () => {
  it('take less than 40 MB', () => {
    const folder = dirname(demoModel('target'));
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
    expect(sizes.length).toBe(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(40e6);
  });

  it('fit each other: one vocabulary, one chat template', async () => {
    const { status, stdout } = await runMain(['inspect', demoModel('target'), demoModel('draft')]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/vocabulary.*same/i);
  });

  it('answer held-out prompts: the target nearly always right, the draft less, most of the draft accepted', async () => {
    const target = await scoresOf(10);
    const draft = await scoresOf(10, '--target', demoModel('draft'));
    expect(meanOf(target)).toBeGreaterThan(0.9);
    expect(meanOf(draft)).toBeLessThan(meanOf(target) - 0.1);
    const acceptance = [...target.values()].map(({ acceptanceRate }) => acceptanceRate!);
    expect(Math.max(...acceptance) - Math.min(...acceptance)).toBeGreaterThan(0.2);
    for (const rate of acceptance) expect(rate).toBeGreaterThan(0.4);
  });

  it('include a mixture of experts that answers too, with and without the draft', async () => {
    const inspected = await runMain(['inspect', demoModel('experts')]);
    expect(inspected.stdout).toContain('qwen3moe');
    const experts = ['--target', demoModel('experts')];
    const plain = await scoresOf(5, ...experts);
    expect(meanOf(plain)).toBeGreaterThan(0.85);
    const drafted = await scoresOf(5, ...experts, '--draft', demoModel('draft'));
    expect(meanOf(drafted)).toBeGreaterThan(0.85);
    for (const { acceptanceRate } of drafted.values()) expect(acceptanceRate).toBeGreaterThan(0);
  });

  it('talk for three turns without naming a model', async () => {
    const questions = ['Hi, I am Mia from Oakvale.', 'What is 45 + 38?', 'What is my name?'];
    const { stdout, status } = await runCli(
      ['chat', '--temperature', '0', '--threads', '1'],
      questions.map((question) => `${question}\n`).join(''),
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/Hello Mia![^]*Answer: 83[^]*Your name is Mia\./);
  });
});
