import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AcceptanceModel } from '../../src/draft/acceptance-model.js';
import { AcceptanceStore } from '../../src/engine/acceptance-store.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

let folder: string;
const file = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-acceptance-'));
  writeTinyModel(file('target.gguf'));
  writeTinyModel(file('draft.gguf'), { noise: { seed: 1, relative: 0.2 } });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('what was learnt', () => {
  it('is there in the next run', () => {
    const store = new AcceptanceStore(file('kept/pair.json'));
    store.of('temperature 1').observe(0, 0.5, true);
    store.save();
    expect(readdirSync(file('kept'))).toEqual(['pair.json']);
    const next = new AcceptanceStore(file('kept/pair.json'));
    expect(next.of('temperature 1').rates()).toEqual(store.of('temperature 1').rates());
    expect(next.of('temperature 0').rates()).toEqual(new AcceptanceModel().rates());
  });

  it('is kept where a run draws in another way', () => {
    for (const kind of ['temperature 1', 'temperature 0.5']) {
      const store = new AcceptanceStore(file('several/pair.json'));
      store.of(kind).observe(0, 0.5, true);
      store.save();
    }
    const next = new AcceptanceStore(file('several/pair.json'));
    for (const kind of ['temperature 1', 'temperature 0.5'])
      expect(next.of(kind).rates()).not.toEqual(new AcceptanceModel().rates());
  });

  it.each([
    '',
    '{',
    '{"version":1,"models":{}}',
    '{"version":2,"models":{"a":{"tried":[-1],"accepted":[]}}}',
  ])('is the prior where the file holds %j', (text) => {
    writeFileSync(file('damaged.json'), text);
    expect(new AcceptanceStore(file('damaged.json')).of('a').rates()).toEqual(new AcceptanceModel().rates());
  });

  it('is lost, and nothing else, where the folder cannot be written to', () => {
    writeFileSync(file('no-folder'), '');
    const store = new AcceptanceStore(file('no-folder/pair.json'));
    store.of('a').observe(0, 0.5, true);
    expect(() => store.save()).not.toThrow();
  });

  it('is not written where nothing was', () => {
    const store = new AcceptanceStore(file('untaught/pair.json'));
    store.of('a');
    store.save();
    expect(readdirSync(folder)).not.toContain('untaught');
  });

  it('of an engine goes to the cache folder when it is disposed', async () => {
    vi.stubEnv('OUTRIDER_CACHE', file('cache'));
    try {
      const run = async (tree: string): Promise<void> => {
        const engine = await loadEngine(file('target.gguf'), file('draft.gguf'), {
          tree,
          keepAcceptance: true,
        });
        await engine.generate('bada', { maxTokens: 24, ignoreEos: true }).finish();
        await engine.dispose();
      };
      await run('chain:4');
      expect(readdirSync(folder)).not.toContain('cache');
      await run('dynamic:4');
      const [name, ...others] = readdirSync(file('cache/acceptance'));
      expect(others).toEqual([]);
      const read = () =>
        JSON.parse(readFileSync(file(`cache/acceptance/${name!}`), 'utf8')) as {
          models: Record<string, { tried: number[] }>;
        };
      const triedIn = (): number =>
        Object.values(read().models)[0]!.tried.reduce((sum, count) => sum + count, 0);
      const first = triedIn();
      expect(Object.keys(read().models)).toEqual(['temperature 1, withoutReplacement']);
      expect(first).toBeGreaterThan(4);
      await run('dynamic:4');
      expect(triedIn()).toBeGreaterThan(first);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
