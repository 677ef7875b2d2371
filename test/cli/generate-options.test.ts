import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactOptions, outcomeOf, startCli } from './run-cli.js';
import { runMain } from './run-main.js';

const endToken = 2;

let folder: string;
const file = (name: string): string => join(folder, name);
const models = (): string[] => ['--target', file('target.gguf'), '--draft', file('draft.gguf')];

interface Result {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finishReason: string;
  readonly stats: Record<'draftTokens' | 'outputTokens', number> & {
    readonly guard: { readonly state: string; readonly plainRounds: number };
    readonly acceptedPerPosition: readonly number[];
  };
}

async function generate(...args: string[]): Promise<Result> {
  const { stdout, stderr, status } = await runMain([
    ...['generate', ...models(), ...exactOptions, '--prompt', 'bada', '--json', ...args],
  ]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.endsWith('}\n')).toBe(true);
  return JSON.parse(stdout) as Result;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-options-'));
  const shape = { canEnd: true, contextLength: 8192 };
  writeTinyModel(file('target.gguf'), shape);
  writeTinyModel(file('draft.gguf'), { ...shape, noise: { seed: 1, relative: 0.1 } });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('outrider generate', () => {
  it('ends before an end token, which is no part of the output', async () => {
    const { tokens, finishReason } = await generate('--logit-bias', `${endToken}:100`);
    expect({ tokens, finishReason }).toEqual({ tokens: [], finishReason: 'stop' });
  });

  it('goes on past end tokens with --ignore-eos', async () => {
    const bias = ['--logit-bias', `${endToken}:100`];
    const { tokens, finishReason } = await generate(...bias, '--ignore-eos', '--max-tokens', '5');
    expect({ tokens, finishReason }).toEqual({ tokens: Array(5).fill(endToken), finishReason: 'length' });
  });

  it('emits nothing with --max-tokens 0', async () => {
    const { text, tokens, finishReason } = await generate('--max-tokens', '0');
    expect({ text, tokens, finishReason }).toEqual({ text: '', tokens: [], finishReason: 'length' });
  });

  it('stops before the first of several stop texts', async () => {
    const greedy = ['--temperature', '0', '--ignore-eos', '--max-tokens', '12'];
    const { text } = await generate(...greedy);
    const [early, late] = [text.slice(3, 6), text.slice(10, 13)];
    const stopped = await generate(...greedy, '--stop', late, '--stop', early);
    expect(stopped.text).toBe(text.slice(0, text.indexOf(early)));
  });

  it('drafts as many tokens a round as the tree says', async () => {
    const { stats } = await generate('--tree', 'chain:2', '--ignore-eos', '--max-tokens', '20');
    expect(stats.acceptedPerPosition).toHaveLength(2);
  });

  it('drafts nothing with --drafter none', async () => {
    const { stats } = await generate('--drafter', 'none', '--max-tokens', '5', '--ignore-eos');
    expect({ drafted: stats.draftTokens, output: stats.outputTokens }).toEqual({ drafted: 0, output: 5 });
  });

  it('drafts with --middle what the middle model says, which the draft model or suffix helps', async () => {
    const greedy = ['--temperature', '0', '--ignore-eos', '--max-tokens', '40'];
    const { tokens } = await generate('--drafter', 'none', ...greedy);
    const middle = ['--middle', file('draft.gguf'), '--middle-tokens', '6'];
    for (const more of [[], ['--drafter', 'suffix'], ['--drafter', 'model', '--drafter', 'suffix']]) {
      const drafted = await generate(...middle, ...more, ...greedy);
      expect(drafted).toMatchObject({ tokens, lossless: true });
      expect(drafted.stats.acceptedPerPosition).toHaveLength(6);
    }
  });

  it('tells with --stitch who wrote how much, and that it is lossy where the draft model did', async () => {
    const length = ['--max-tokens', '20', '--ignore-eos'];
    const drafted = await generate('--stitch', '1', ...length);
    expect(drafted).toMatchObject({
      lossless: false,
      stitch: { draftTokens: 20, targetTokens: 0, switches: 0 },
    });
    expect(await generate('--stitch', '0', ...length)).toMatchObject({
      tokens: (await generate('--drafter', 'none', ...length)).tokens,
      lossless: true,
      stitch: { draftTokens: 0, targetTokens: 20 },
    });
    const shown = [...models(), ...exactOptions, '--prompt', 'bada', '--stitch', '1', ...length];
    const { stderr } = await runMain(['generate', ...shown]);
    expect(stderr).toMatch(/20 by the draft model in 0 switches \| lossy$/m);
  });

  it('mixes in plain rounds unless --measure-speedup is false', async () => {
    const length = ['--max-tokens', '40', '--ignore-eos'];
    const { guard } = (await generate(...length)).stats;
    expect(guard.state).toBe('measuring');
    expect(guard.plainRounds).toBeGreaterThan(0);
    expect((await generate(...length, '--measure-speedup', 'false')).stats.guard).toEqual({
      state: 'off',
      reason: '',
      plainRounds: 0,
    });
  });

  it('shows what came so far when it is interrupted, and ends with status 0', async () => {
    const endless = ['--prompt', 'bada', '--ignore-eos', '--max-tokens', '8000', '--context-size', '8192'];
    const child = startCli(['generate', ...models(), ...exactOptions, ...endless]);
    const outcome = outcomeOf(child);
    await once(child.stdout!, 'data');
    child.kill('SIGINT');
    const { stdout, stderr, status } = await outcome;
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\S.*\n$/);
    expect(Number(/^(\d+) tokens/m.exec(stderr)![1])).toBeLessThan(8000);
  });
});

it('a prompt file that is not there is a failure that names it', async () => {
  const missing = file('missing.txt');
  const { stdout, stderr, status } = await runMain(['generate', ...models(), '--prompt-file', missing]);
  expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
  expect(stderr).toContain(missing);
});

it('a pair without a common vocabulary is a failure that points to inspect', async () => {
  writeTinyModel(file('other.gguf'), { vocabSize: 340 });
  const pair = ['--target', file('target.gguf'), '--draft', file('other.gguf')];
  const { stderr, status } = await runMain(['generate', ...pair, ...exactOptions, '--prompt', 'bada']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/320 .*340/);
  expect(stderr).toContain('Hint: outrider inspect');
});

it('a prompt longer than the context is a failure that says how much was needed', async () => {
  const long = ['--prompt', 'x'.repeat(500), '--context-size', '256'];
  const { stderr, status } = await runMain(['generate', ...models(), ...exactOptions, ...long]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/Context is full: \d+ tokens are needed but it holds 256/);
  expect(stderr).toContain('Hint: Try a larger --context-size.');
});
