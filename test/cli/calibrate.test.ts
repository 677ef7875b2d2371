import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { runMain } from './run-main.js';

let folder: string;
const file = (name: string): string => join(folder, name);
const calibrate = (...args: string[]) => runMain(['calibrate', '--gpu', 'off', '--threads', '1', ...args]);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-calibrate-cli-'));
  const shape = { contextLength: 4096, headDim: 64, heads: 4, kvHeads: 2, layers: 3 };
  writeTinyModel(file('dense.gguf'), shape);
  writeTinyModel(file('experts.gguf'), { ...shape, architecture: 'qwen3moe', experts: 8, expertsUsed: 4 });
  writeTinyModel(file('mamba.gguf'), { architecture: 'mamba' });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('outrider calibrate', () => {
  it('reads what the model writes, and puts the calibration beside it', async () => {
    const { stdout, status } = await calibrate(file('dense.gguf'), '--tokens', '256');
    expect(status).toBe(0);
    expect(stdout).toContain('16 batches of 8 tokens, 256 tokens of the context read');
    expect(stdout).toMatch(/Layers that choose blocks for themselves: 0, 1/);
    expect(stdout).toContain('below 0.05');
    expect(stdout).toContain('the feed-forward part stays dense');
    expect(stdout).not.toContain('lightest experts');
    expect(existsSync(file('dense.gguf.sparse.json'))).toBe(true);
  });

  it('reads texts, and prints one object', async () => {
    const words = Array.from({ length: 1500 }, (_, index) => `w${index % 97}`).join(' ');
    writeFileSync(file('text.txt'), words);
    const output = file('own.json');
    const args = [
      file('experts.gguf'),
      '--tokens',
      '256',
      '--text',
      file('text.txt'),
      '--output',
      output,
      '--json',
    ];
    const { stdout, status } = await calibrate(...args);
    expect(status).toBe(0);
    const printed = JSON.parse(stdout) as { path: string; batches: number; shares: number[][] };
    expect(printed.path).toBe(output);
    expect(printed.batches).toBe(8);
    expect(printed.shares).toHaveLength(3);
    expect(JSON.parse(readFileSync(output, 'utf8'))).toMatchObject({ version: 2, model: { layers: 3 } });
    expect(existsSync(file('experts.gguf.sparse.json'))).toBe(false);
  });

  it('fails with the reason', async () => {
    const mamba = await calibrate(file('mamba.gguf'), '--tokens', '64');
    expect(mamba.status).toBe(1);
    expect(mamba.stderr).toContain('Nothing of the attention of a mamba model can be left out');
    writeFileSync(file('short.txt'), 'too short');
    const short = await calibrate(file('dense.gguf'), '--text', file('short.txt'));
    expect(short.status).not.toBe(0);
    expect(short.stderr).toContain('Expected a text of at least 2064 tokens');
    const missing = await calibrate(file('dense.gguf'), '--text', file('missing.txt'));
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain('missing.txt');
  });
});
