import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { runMain } from './run-main.js';

let folder: string;
let source: string;
let destination: string;
const inflate = (...args: string[]) => runMain(['inflate', ...args]);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-inflate-'));
  source = join(folder, 'tiny.gguf');
  destination = join(folder, 'large.gguf');
  writeTinyModel(source, { vocabSize: 320 });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('inflate', () => {
  it('writes a model of the size asked for that says the same, and inspect tells what it is', async () => {
    const { status, stdout, stderr } = await inflate(source, destination, '--parameters', '4M', '--json');
    expect(status).toBe(0);
    const report = JSON.parse(stdout) as { path: string; parameters: number };
    expect(report.path).toBe(destination);
    expect(Math.abs(report.parameters / 4e6 - 1)).toBeLessThan(0.02);
    expect(stderr).toMatch(/4 M parameters: .* says what .*tiny\.gguf says/);
    const generate = (target: string) =>
      runMain(
        [
          'generate',
          '--target',
          target,
          '--prompt',
          'a b',
          '--max-tokens',
          '16',
          '--temperature',
          '0',
        ].concat(['--kv-type', 'f32', '--flash-attention', 'off', '--ignore-eos']),
      );
    const text = (await generate(source)).stdout;
    expect(text.trim().length).toBeGreaterThan(8);
    expect((await generate(destination)).stdout).toBe(text);
    const inspected = JSON.parse((await runMain(['inspect', destination, '--json'])).stdout) as object;
    expect(JSON.stringify(inspected)).toMatch(/"inflatedFrom":"[^"]/);
    expect((await runMain(['inspect', destination])).stdout).toMatch(
      /inflated +says what .* at a larger cost/,
    );
    expect((await runMain(['inspect', source])).stdout).not.toMatch(/inflated/);
  });

  it.each([
    ['a missing size', [], /Expected --parameters N/],
    ['a size that is none', ['--parameters', 'big'], /Expected a count such as 300M .* received big/],
    ['a size below that of the source', ['--parameters', '1K'], /Expected/],
    ['a type that is none', ['--parameters', '4M', '--type', 'f64'], /type/],
  ])('refuses %s with status 2', async (_name, args, message) => {
    const nothing = join(folder, 'nothing.gguf');
    const { status, stdout, stderr } = await inflate(source, nothing, ...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(existsSync(nothing)).toBe(false);
  });

  it('refuses what it cannot inflate', async () => {
    const qwen = join(folder, 'qwen.gguf');
    writeTinyModel(qwen, { vocabSize: 320, architecture: 'qwen2' });
    const { status, stderr } = await inflate(qwen, join(folder, 'nothing.gguf'), '--parameters', '4M');
    expect(status).toBe(2);
    expect(stderr).toMatch(/Expected a llama-architecture model/);
    expect((await inflate(join(folder, 'none.gguf'), destination, '--parameters', '4M')).status).toBe(1);
  });
});
