import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TheoryReport } from '../../src/bench/theory/compare.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { runMain } from './run-main.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-theory-'));
const file = (name: string): string => join(folder, name);
const exact = ['--gpu', 'off', '--threads', '1', '--kv-type', 'f32', '--flash-attention', 'off'];
const theory = (...args: string[]) =>
  runMain([
    ...['theory', '--target', file('target.gguf'), '--draft', file('draft.gguf'), ...exact],
    ...(args.includes('--prompts') ? [] : ['--prompts', file('prompts.txt')]),
    ...['--ignore-eos', ...args],
  ]);
const reportOf = async (...args: string[]): Promise<TheoryReport> => {
  const { stdout, stderr, status } = await theory('--json', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as TheoryReport;
};

beforeAll(() => {
  writeTinyModel(file('target.gguf'), {});
  writeTinyModel(file('draft.gguf'), { noise: { seed: 1, relative: 0.1 } });
  writeFileSync(file('prompts.txt'), 'bada\nkino mase\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('outrider theory', () => {
  it('predicts at temperature 0 exactly what is then measured', async () => {
    const methods = ['chain:3+block', 'chain:3+match', 'static:2,2+naive', 'chain:3+rejection'];
    const report = await reportOf(
      ...['--temperature', '0', '--samples', '1', '--max-tokens', '24'],
      ...methods.flatMap((method) => ['--method', method]),
    );
    expect(report.methods.map(({ method }) => method)).toEqual(methods);
    for (const { acceptanceRate, meanAcceptanceLength, rejectionsPer100Tokens } of report.methods) {
      expect(acceptanceRate.predicted.value).toBeCloseTo(acceptanceRate.measured.value, 12);
      expect(meanAcceptanceLength.predicted.value).toBeCloseTo(meanAcceptanceLength.measured.value, 12);
      const { predicted, measured } = rejectionsPer100Tokens;
      expect(predicted.value).toBeCloseTo(measured.value, 10);
      expect(measured.value).toBeGreaterThan(0);
      expect(measured.value).toBeLessThan(100);
    }
    // The law is the likeliest token.
    expect(report.text.targetEntropy).toBe(0);
  });

  it('predicts what is sampled within the intervals, for chains, trees and the lossy rule', async () => {
    const methods = ['chain:3+rejection', 'chain:3+block', 'auto:6+traversal', 'chain:3+pareto:0.05'];
    const report = await reportOf(
      ...['--samples', '16', '--max-tokens', '24'],
      ...methods.flatMap((method) => ['--method', method]),
    );
    for (const { acceptanceRate, rejectionsPer100Tokens, bias, lossless, speedup } of report.methods) {
      for (const { predicted, measured } of [acceptanceRate, rejectionsPer100Tokens]) {
        const sigma = Math.hypot(predicted.halfWidth, measured.halfWidth) / 1.96;
        expect(Math.abs(predicted.value - measured.value)).toBeLessThan(3 * sigma);
      }
      expect(bias.measured.value > 0).toBe(!lossless);
      expect(bias.predicted.value > 0).toBe(!lossless);
      for (const { value } of [speedup.predicted, speedup.measured]) expect(value).toBeGreaterThan(0);
    }
    const { text, paretoLine } = report;
    expect(paretoLine.map(({ epsilon }) => epsilon)).toEqual([0, 0.05, 1]);
    for (const { rejection, bias } of paretoLine)
      expect(rejection + bias).toBeCloseTo(text.totalVariation, 6);
    const [rejection, block, tree, pareto] = report.methods.map(({ tried }) => tried);
    expect([block, tree]).toEqual([undefined, undefined]);
    const { rejectionsPer100Tokens, meanAcceptanceLength } = report.methods[0]!;
    const [rejected, rounds] = [
      rejectionsPer100Tokens.measured.value / 100,
      1 / meanAcceptanceLength.measured.value,
    ];
    expect(rejection!.rejection.measured.value).toBeCloseTo(rejected / (1 - rounds + rejected), 12);
    for (const { predicted, measured } of [rejection!.rejection, pareto!.rejection, pareto!.bias]) {
      const sigma = Math.hypot(predicted.halfWidth, measured.halfWidth) / 1.96;
      expect(Math.abs(predicted.value - measured.value)).toBeLessThan(3 * sigma);
    }
    expect(text.positions).toBe(2 * 16 * 24);
    expect(text.overlap).toBeGreaterThan(text.leastAcceptance);
    expect(report.totalVariationAlongText).toHaveLength(24);
    expect(report.bestChain).toBeDefined();
    // The best rule is never worse than a rule, and of one token all are alike.
    const [one, ...several] = report.siblings;
    expect(one!.recursive).toBeCloseTo(one!.optimal, 10);
    for (const [index, { optimal, recursive }] of several.entries()) {
      expect(optimal).toBeGreaterThanOrEqual(recursive - 1e-12);
      expect(optimal).toBeGreaterThan(report.siblings[index]!.optimal);
    }
  });

  it('prints a table, and writes pictures', async () => {
    const [svg, html] = [file('theory.svg'), file('theory.html')];
    const { stdout, status } = await theory(
      ...['--method', 'chain:2+block', '--samples', '1', '--limit', '1', '--max-tokens', '8'],
      ...['--svg', svg, '--html', html],
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Along 8 tokens of the target: total variation 0\.\d+/);
    expect(stdout).toMatch(/^No tree brings more than \d+\.\d tokens a round with a batch of 16/m);
    expect(stdout).toMatch(
      /^chain:2\+block +0\.\d{3} +0\.\d{3} +\d\.\d\d +\d\.\d\d +\d+\.\d +\d+\.\d +\d\.\d\d/m,
    );
    expect(stdout).toMatch(/^Of so many draft tokens .*\ndraft tokens +best rule +recursive\n1 +0\.\d{3} /m);
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg[^]*acceptance, predicted[^]*token of the text/);
    expect(readFileSync(html, 'utf8')).toMatch(/^<!doctype html>[^]*<td>chain:2\+block<\/td>[^]*<svg/);
  });

  it('tells tasks apart where the prompts have categories, and what bounds the acceptance of each', async () => {
    const [prompts, html] = [file('tasks.jsonl'), file('tasks.html')];
    const line = (category: string, prompt: string) => JSON.stringify({ category, prompt });
    writeFileSync(prompts, `${line('stories', 'bada')}\n${line('songs', 'kino mase')}\n`);
    const { stdout, status } = await theory(
      ...['--method', 'chain:2+rejection', '--samples', '2', '--max-tokens', '8'],
      ...['--prompts', prompts, '--html', html],
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^By task: .*\ntask +tokens +acceptance +measured .*\nstories +16 .*\nsongs +16 .*$/m,
    );
    expect(readFileSync(html, 'utf8')).toMatch(/<p>By task: [^]*<td>stories<\/td><td>16<\/td>/);
  });

  it('names file and line of a malformed prompt', async () => {
    writeFileSync(file('bad.jsonl'), '{"prompt": "a"}\n{"promt": "b"}\n');
    const { stdout, stderr, status } = await theory('--prompts-of-nothing');
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 });
    expect(stderr).toContain('prompts-of-nothing');
    const bad = await runMain(['theory', '--prompts', file('bad.jsonl')]);
    expect({ stdout: bad.stdout, status: bad.status }).toEqual({ stdout: '', status: 1 });
    expect(bad.stderr).toContain(`${file('bad.jsonl')}, line 2`);
  });

  it.each([
    [['--method', 'chain:4'], 'TREE+RULE'],
    [['--method', 'chain:4+pareto'], 'TREE+RULE'],
    [['--method', 'bush:4+block'], 'chain:N'],
    [['--tree', 'chain:4'], '--method'],
    [['--drafter', 'suffix'], '--method'],
    [['--sparse-audit', '4'], '--method'],
    [['--samples', '0'], 'at least 1'],
  ])('refuses %j', async (args, expected) => {
    const { stdout, stderr, status } = await theory(...args);
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 });
    expect(stderr).toContain(expected);
  });

  it('wants a draft model', async () => {
    const { stderr, status } = await runMain([
      ...['theory', '--target', file('target.gguf'), '--prompts', file('prompts.txt'), ...exact],
    ]);
    expect(status).toBe(2);
    expect(stderr).toContain('--draft D.gguf');
  });
});
