import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactOptions, outcomeOf, runCli, startCli } from './run-cli.js';

const resultSchema = z.strictObject({
  text: z.string(),
  tokens: z.array(z.int()),
  finishReason: z.enum(['stop', 'length', 'abort']),
  lossless: z.boolean(),
  stats: z.looseObject({
    rounds: z.int(),
    draftTokens: z.int(),
    acceptedTokens: z.int(),
    acceptanceRate: z.number(),
    meanAcceptanceLength: z.number(),
    acceptedPerPosition: z.array(z.number()),
    promptTokens: z.int(),
    outputTokens: z.int(),
    tokensPerSecond: z.number(),
    timeToFirstTokenMs: z.number(),
    draftMs: z.number(),
    decodeMs: z.number(),
    verifyMs: z.number(),
    overheadMs: z.number(),
    guard: z.strictObject({ state: z.string(), reason: z.string(), plainRounds: z.int() }),
  }),
});

let folder: string;
let models: string[];
const file = (name: string): string => join(folder, name);
const usual = ['--prompt', 'bada', '--max-tokens', '20', '--ignore-eos', ...exactOptions];

async function json(args: readonly string[]): Promise<z.infer<typeof resultSchema>> {
  const { stdout, stderr, status } = await runCli(['generate', ...args, '--json']);
  expect({ status, stderr }).toEqual({ status: 0, stderr });
  return resultSchema.parse(JSON.parse(stdout));
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-cli-'));
  writeTinyModel(file('target.gguf'), { contextLength: 8192 });
  writeTinyModel(file('draft.gguf'), { contextLength: 8192, noise: { seed: 1, relative: 0.1 } });
  models = ['--target', file('target.gguf'), '--draft', file('draft.gguf')];
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('outrider generate', () => {
  it('writes the text to stdout and everything else to stderr', async () => {
    const { text } = await json([...models, ...usual]);
    const { stdout, stderr, status } = await runCli(['generate', ...models, ...usual]);
    expect(status).toBe(0);
    expect(stdout).toBe(`${text}\n`);
    expect(stderr).toMatch(/20 tokens \| .* tokens\/s \| acceptance/);
    expect(stderr).not.toMatch(/^guard: /m);
    const told = await runCli(['generate', ...models, ...usual, '--stats']);
    expect(told.stdout).toBe(stdout);
    expect(told.stderr).toMatch(/^answer: 20 tokens .*\ndrafts: .*\nspeedup: .*\nguard: measuring$/m);
  });

  it('prints how likely tokens were with --logprobs, which wants --json', async () => {
    const options = ['generate', ...models, ...usual, '--logprobs', '2', '--top-k', '3'];
    const { stdout } = await runCli([...options, '--json']);
    const { tokens, logprobs } = z
      .looseObject({ tokens: z.array(z.int()), logprobs: z.array(z.looseObject({ token: z.int() })) })
      .parse(JSON.parse(stdout));
    expect(logprobs.map(({ token }) => token)).toEqual(tokens);
    const { stderr, status } = await runCli(options);
    expect({ status, stderr }).toEqual({ status: 2, stderr });
    expect(stderr).toContain('--json or --samples N with --logprobs');
  });

  it('prints the object of the contract with --json', async () => {
    const { tokens, finishReason, lossless, stats } = await json([...models, ...usual]);
    expect(tokens).toHaveLength(20);
    expect(finishReason).toBe('length');
    expect(lossless).toBe(true);
    expect(stats.outputTokens).toBe(20);
    expect(stats.draftTokens).toBeGreaterThan(0);
  });

  it('says greedily the same with and without a draft', async () => {
    const plain = await json([...models.slice(0, 2), ...usual, '--temperature', '0']);
    const speculative = await json([...models, ...usual, '--temperature', '0']);
    expect(plain.stats.draftTokens).toBe(0);
    expect(speculative.tokens).toEqual(plain.tokens);
  });

  it('prints samples as lines with rising seeds, each what that seed gives alone', async () => {
    const fixed = [...models, ...usual, '--measure-speedup', 'false'];
    const { stdout } = await runCli(['generate', ...fixed, '--samples', '3', '--seed', '5']);
    const samples = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { seed: number; tokens: number[] });
    expect(samples.map(({ seed }) => seed)).toEqual([5, 6, 7]);
    expect(new Set(samples.map(({ tokens }) => tokens.join())).size).toBe(3);
    const alone = await json([...fixed, '--seed', '6']);
    expect(samples[1]!.tokens).toEqual(alone.tokens);
  });

  it('reads the prompt from a file or from stdin', async () => {
    writeFileSync(file('prompt.txt'), 'bada');
    const options = [...models, ...usual.slice(2), '--json'];
    const ofFile = await runCli(['generate', ...options, '--prompt-file', file('prompt.txt')]);
    const ofStdin = await runCli(['generate', ...options, '--prompt-file', '-'], 'bada');
    const { tokens } = await json([...models, ...usual]);
    expect(resultSchema.parse(JSON.parse(ofFile.stdout)).tokens).toEqual(tokens);
    expect(resultSchema.parse(JSON.parse(ofStdin.stdout)).tokens).toEqual(tokens);
  });

  it('stops before a stop text, and obeys a logit bias', async () => {
    const { text, tokens } = await json([...models, ...usual, '--temperature', '0']);
    const stop = text.slice(6, 9);
    const stopped = await json([...models, ...usual, '--temperature', '0', '--stop', stop]);
    expect(stopped.finishReason).toBe('stop');
    expect(text.startsWith(stopped.text)).toBe(true);
    expect(stopped.text).not.toContain(stop);
    const biased = await json([
      ...models,
      ...usual,
      '--temperature',
      '0',
      '--logit-bias',
      `${tokens[0]}:-100`,
    ]);
    expect(biased.tokens).not.toContain(tokens[0]);
  });

  it('writes each round to the trace', async () => {
    const { stats } = await json([...models, ...usual, '--trace', file('trace.jsonl')]);
    const rounds = readFileSync(file('trace.jsonl'), 'utf8').trim().split('\n');
    expect(rounds).toHaveLength(stats.rounds);
    const drafted = rounds.map((line) => (JSON.parse(line) as { numDraftTokens: number }).numDraftTokens);
    expect(drafted.reduce((sum, count) => sum + count, 0)).toBe(stats.draftTokens);
  });

  it('writes trees to the trace and shows them with what was accepted', async () => {
    const shape = ['--tree', 'static:2,2', '--temperature', '0', '--show-tree'];
    const run = await runCli(['generate', ...models, ...usual, ...shape, '--trace', file('trees.jsonl')]);
    expect(run.status).toBe(0);
    const rounds = readFileSync(file('trees.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { parents?: number[]; tokens?: number[]; acceptedNodes?: number[] })
      .filter(({ parents }) => parents !== undefined);
    expect(rounds.length).toBeGreaterThan(2);
    for (const { tokens, acceptedNodes } of rounds.slice(0, -1)) {
      expect(tokens).toHaveLength(6);
      expect(acceptedNodes!.length).toBeLessThanOrEqual(2);
    }
    const marks = rounds.reduce((sum, { acceptedNodes }) => sum + acceptedNodes!.length, 0);
    expect(run.stderr.match(/✓/g) ?? []).toHaveLength(marks);
    expect(run.stderr.match(/accepted of \d+ drafted/g)).toHaveLength(rounds.length);
    expect(run.stdout).not.toContain('└─');
  });

  it('keeps what was produced when it is interrupted', async () => {
    const endless = [...models, ...usual.slice(4), '--prompt', 'bada', '--max-tokens', '8000'];
    const child = startCli([
      'generate',
      ...endless,
      '--context-size',
      '8192',
      '--trace',
      file('long.jsonl'),
      '--json',
    ]);
    const outcome = outcomeOf(child);
    const started = setInterval(() => {
      try {
        if (readFileSync(file('long.jsonl'), 'utf8').length === 0) return;
        clearInterval(started);
        child.kill('SIGINT');
      } catch {
        // The trace is opened once the models are loaded.
      }
    }, 20);
    const { stdout, status } = await outcome.finally(() => clearInterval(started));
    const result = resultSchema.parse(JSON.parse(stdout));
    expect(status).toBe(0);
    expect(result.finishReason).toBe('abort');
    expect(result.tokens.length).toBeGreaterThan(0);
    expect(result.tokens.length).toBeLessThan(8000);
  });
});

describe('a failure', () => {
  it('at run time is a message with a hint and status 1; the stack comes with --verbose', async () => {
    const missing = ['generate', '--target', file('missing.gguf'), ...usual];
    const { stdout, stderr, status } = await runCli(missing);
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
    expect(stderr).toMatch(/outrider: .*missing\.gguf/);
    expect(stderr).toContain('Hint: ');
    expect(stderr).not.toContain('    at ');
    expect((await runCli([...missing, '--verbose'])).stderr).toContain('    at ');
  });

  it.each([
    ['an unknown option', ['--maxtokens', '3'], /maxtokens/],
    ['a number that is none', ['--top-k', 'many'], /many/],
    ['a value out of range', ['--top-p', '3'], /topP.*3/],
    ['two prompts', ['--prompt-file', 'f'], /prompt/],
    ['an unknown verifier', ['--verifier', 'guess'], /guess/],
    ['an unknown tree', ['--tree', 'chain:x'], /chain:x/],
    ['an unknown drafter', ['--drafter', 'oracle'], /oracle/],
  ])('of usage, %s, has status 2 and names the value', async (_, args, message) => {
    const { stdout, stderr, status } = await runCli(['generate', ...models, ...usual, ...args]);
    expect(stderr).toMatch(message);
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 });
  });

  it('of usage covers a missing prompt, a missing command and an unknown one', async () => {
    expect((await runCli(['generate', ...models])).status).toBe(2);
    expect((await runCli([])).status).toBe(2);
    expect((await runCli(['generat'])).status).toBe(2);
  });
});
