import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRenamedToken } from '../fixtures/broken-models.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { runMain } from './run-main.js';

let folder: string;
const file = (name: string): string => join(folder, `${name}.gguf`);
const inspect = (...args: string[]) => runMain(['inspect', '--gpu', 'off', ...args]);

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
    expect((await inspect(file('mamba'))).stdout).toContain('its state cannot go back');
  });

  it('compares a pair', async () => {
    const { stdout } = await inspect(file('target'), file('target'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      pair: { sameVocabulary: true, sizeRatio: 1, canSpeculate: true },
    });
    const other = await inspect(file('target'), file('other'));
    expect(other.stdout).toMatch(/320 and 340 tokens/);
    expect(other.stdout).toContain('not with a draft model');
  });

  it('names the first token that differs in vocabularies of one size', async () => {
    writeRenamedToken(file('target'), file('renamed'), 300, 'zzz');
    const { stdout, status } = await inspect(file('target'), file('renamed'), '--json');
    const { pair } = JSON.parse(stdout) as { pair: Record<string, unknown> };
    expect(status).toBe(0);
    expect(pair).toMatchObject({ sameVocabulary: false, canSpeculate: false });
    expect(pair['vocabularyDifference']).toMatch(/\b300\b/);
  });

  it('leaves the metadata out of the object unless it is asked for', async () => {
    const metadataOf = async (...args: string[]): Promise<unknown> => {
      const { stdout } = await inspect(file('target'), '--json', ...args);
      return (JSON.parse(stdout) as { models: { metadata?: unknown }[] }).models[0]!.metadata;
    };
    expect(await metadataOf()).toBeUndefined();
    expect(await metadataOf('--metadata')).toMatchObject({ 'general.architecture': 'llama' });
  });

  it('estimates more memory for a longer context', async () => {
    const contextBytes = async (size: string): Promise<number> => {
      const { stdout } = await inspect(file('target'), '--json', '--context-size', size);
      const { models } = JSON.parse(stdout) as { models: { memory: { contextBytes: number }[] }[] };
      return models[0]!.memory.reduce((sum, device) => sum + device.contextBytes, 0);
    };
    expect(await contextBytes('512')).toBe(2 * (await contextBytes('256')));
  });

  it('fails on a broken file with status 1', async () => {
    const { stderr, status } = await inspect(file('broken'));
    expect(status).toBe(1);
    expect(stderr).toContain('broken.gguf');
  });
});
