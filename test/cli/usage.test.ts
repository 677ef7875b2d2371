import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { startCli } from './run-cli.js';
import { runMain } from './run-main.js';

let folder: string;
let model: string;
const generate = (...args: string[]) =>
  runMain(['generate', '--target', model, '--gpu', 'off', '--prompt', 'bada', ...args]);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-usage-'));
  model = join(folder, 'target.gguf');
  writeTinyModel(model, { contextLength: 8192 });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('usage', () => {
  it.each([
    ['--drafter', 'abacus', 'none, model, prompt-lookup, suffix, token-recycling'],
    ['--verifier', 'sequential', 'auto, match, naive, rejection, block'],
    ['--verifier', 'pareto', 'Expected epsilon'],
    ['--epsilon', '0.1', 'the verifier pareto'],
    ['--sparse-attention', '0', 'the tokens of sparse attention'],
    ['--sparse-attention', 'many', 'sparse-attention'],
    ['--sparse-ffn', '0', 'a number above 0 for sparse feedForward'],
    ['--stitch', 'half', 'a number'],
    ['--stitch', '-0.5', 'a number of at least 0 for stitch'],
    ['--sparse-recheck', 'dense', '--sparse-attention TOKENS, --sparse-experts N or --sparse-ffn TAU'],
    ['--sparse', 'sometimes', '"always", "auto"'],
    ['--sparse', 'always', '--sparse-ffn TAU with --sparse but received always'],
    ['--sparse-experts-scale', '0.5', '--sparse-experts N with --sparse-experts-scale'],
    ['--sparse-recheck-tokens', '8', '--sparse-ffn TAU with --sparse-recheck-tokens'],
    ['--sparse-audit', '4', '--sparse-experts N or --sparse-ffn TAU with --sparse-audit'],
    ['--tree', 'bushy:16', 'auto, auto:N, chain:N'],
    ['--tree', 'static:0', 'widths of at least 1'],
    ['--tree', 'dynamic:200', 'at most 128 draft tokens'],
    ['--gpu', 'abacus', '"auto", "off"'],
    ['--gpu-layers', 'some', 'a number'],
    ['--logit-bias', '3', 'ID:X'],
    ['--logit-bias', '9999:1', 'token ids in [0, 320) for logitBias'],
    ['--samples', '0', 'at least 1'],
    ['--max-tokens', '-3', 'maxTokens'],
    ['--temperature', 'hot', 'a number'],
    ['--seed', '1.5', 'seed'],
    ['--context-size', '0', 'contextSize'],
  ])('of %s %s says that %s was expected, and where help is', async (option, value, expected) => {
    const { stdout, stderr, status } = await generate(option, value);
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 });
    expect(stderr).toContain(expected);
    expect(stderr).toContain(value.split(':')[0]);
    expect(stderr).toContain('outrider <command> --help');
  });

  it.each([
    ['--prompt', 'a'],
    ['--target', 'other.gguf'],
    ['--gpu', 'auto'],
    ['--verifier', 'match', '--verifier', 'block'],
    ['--seed', '1', '--seed', '2'],
  ])('of %s twice is refused instead of picking one', async (...args) => {
    const { stderr, status } = await generate(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(`Expected one value for ${args[0]}`);
  });

  it('of an option without its value is refused', async () => {
    const { stderr, status } = await generate('--seed');
    expect(status).toBe(2);
    expect(stderr).toContain('seed');
  });

  it('of the drafter model without a draft model is refused', async () => {
    const { stderr, status } = await generate('--drafter', 'model');
    expect(status).toBe(2);
    expect(stderr).toContain('--draft');
  });

  it.each([
    [['--sparse-recheck', 'off', '--sparse-audit', '-1'], 'auditEvery but received -1'],
    [['--sparse-recheck', 'off', '--sparse-audit', '1.5'], 'auditEvery but received 1.5'],
    [['--sparse-recheck', 'off', '--sparse-audit', 'all'], 'a number for --sparse-audit'],
    [
      ['--sparse-recheck', 'dense', '--sparse-audit', '4'],
      'Expected --sparse-recheck off with --sparse-audit',
    ],
    [['--sparse-recheck-tokens', '1'], 'recheckTokens but received 1'],
    [['--sparse-recheck-tokens', 'some'], 'a number for --sparse-recheck-tokens'],
    [['--sparse-recheck', 'off', '--sparse-recheck-tokens', '8'], 'Expected --sparse-recheck dense'],
    [['--sparse-experts', '1', '--sparse-experts-scale', '0'], 'shareScale of experts but received 0'],
    [['--sparse-audit', '4'], 'Expected --sparse-recheck off with --sparse-audit'],
  ])('of sparse attention with %j is refused', async (given, message) => {
    const { stderr, status } = await generate('--sparse-attention', '256', ...given);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });

  it('of --stitch without a draft model is told what to give', async () => {
    const { stderr, status } = await generate('--stitch', '0.5');
    expect(status).toBe(1);
    expect(stderr).toContain('takes turns with a draft model. Give one');
  });

  it('of a command that is nearly right gets a suggestion', async () => {
    const { stderr, status } = await runMain(['generat']);
    expect(status).toBe(2);
    expect(stderr).toContain('Did you mean generate?');
  });
});

describe('help', () => {
  it('lists the commands on stdout', async () => {
    const { stdout, stderr, status } = await runMain(['--help']);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    for (const command of ['generate', 'chat', 'inspect', 'pull']) {
      expect(stdout).toContain(`outrider ${command}`);
    }
  });

  it('of a command lists its options', async () => {
    const { stdout, status } = await runMain(['generate', '--help']);
    expect(status).toBe(0);
    for (const option of ['--prompt-file', '--samples', '--verifier', '--tree', '--top-k', '--kv-type']) {
      expect(stdout).toContain(option);
    }
  });

  it('tells the version of the package', async () => {
    const path = new URL('../../package.json', import.meta.url);
    const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
    expect(await runMain(['--version'])).toEqual({ stdout: `${version}\n`, stderr: '', status: 0 });
  });
});

it('a reader that leaves ends the generation without a fuss', async () => {
  const endless = ['--max-tokens', '8000', '--context-size', '8192', '--ignore-eos'];
  const child = startCli(['generate', '--target', model, '--gpu', 'off', '--prompt', 'bada', ...endless]);
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child.stdout!, 'data');
  child.stdout!.destroy();
  await once(child, 'close');
  expect(child.exitCode).toBe(0);
  expect(stderr).not.toContain('EPIPE');
  expect(Number(/(\d+) tokens/.exec(stderr)![1])).toBeLessThan(8000);
});
