import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { runCli } from './run-cli.js';

let folder: string;
const file = (name: string): string => join(folder, `${name}.gguf`);
const inspect = (...args: string[]) => runCli(['inspect', '--gpu', 'off', ...args]);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-inspect-'));
  writeTinyModel(file('target'));
  writeTinyModel(file('other'), { vocabSize: 340 });
  writeTinyModel(file('mamba'), { architecture: 'mamba' });
  writeFileSync(file('broken'), 'GGUF');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('outrider inspect', () => {
  it('tells what a model is, and its metadata where asked', async () => {
    const { stdout, status } = await inspect(file('target'), '--metadata');
    expect(status).toBe(0);
    expect(stdout).toContain('320 tokens');
    expect(stdout).toContain('chains and trees');
    expect(stdout).toContain('general.architecture');
  });

  it('says that a recurrent model cannot branch', async () => {
    const { stdout } = await inspect(file('mamba'), '--json');
    const { models } = JSON.parse(stdout) as { models: { canBranch: boolean; rollback: string }[] };
    expect(models[0]).toMatchObject({ canBranch: false, rollback: 'none' });
  });

  it('compares a pair', async () => {
    const { stdout } = await inspect(file('target'), file('target'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      pair: { sameVocabulary: true, sizeRatio: 1, canSpeculate: true },
    });
    const other = await inspect(file('target'), file('other'));
    expect(other.stdout).toMatch(/320 and 340 tokens/);
  });

  it('fails on a broken file with status 1', async () => {
    const { stderr, status } = await inspect(file('broken'));
    expect(status).toBe(1);
    expect(stderr).toContain('broken.gguf');
  });
});

describe('outrider pull', () => {
  it('prints the path of a model that is here already', async () => {
    expect((await runCli(['pull', file('target')])).stdout).toBe(`${file('target')}\n`);
  });

  it('fails on a file that is not there', async () => {
    const { stdout, stderr, status } = await runCli(['pull', file('nothing')]);
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 });
    expect(stderr).toContain('nothing.gguf');
  });
});
