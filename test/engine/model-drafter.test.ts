import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { draftTemperatureOf } from '../../src/engine/model-drafter.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-model-drafter-'));
const file = (name: string): string => join(folder, name);

beforeAll(() => {
  const shape = { contextLength: 1024 };
  writeTinyModel(file('target.gguf'), { ...shape, logitDeviation: 6 });
  writeTinyModel(file('draft.gguf'), { ...shape, logitDeviation: 2 });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the temperature of drafts', () => {
  it("is learnt under the guard and the target's without, where nothing else is asked for", () => {
    expect(draftTemperatureOf({})).toBe('auto');
    expect(draftTemperatureOf({ guard: true })).toBe('auto');
    expect(draftTemperatureOf({ guard: false })).toBe(1);
    expect(draftTemperatureOf({ guard: true, draftTemperature: 0.5 })).toBe(0.5);
    expect(draftTemperatureOf({ guard: false, draftTemperature: 'auto' })).toBe('auto');
  });

  it('falls beside a target that is surer, and trees grow by what is accepted at it', async () => {
    vi.stubEnv('OUTRIDER_CACHE', file('cache'));
    try {
      const options = { tree: 'dynamic:3', keepAcceptance: true, draftTemperature: 'auto' } as const;
      const engine = await loadEngine(file('target.gguf'), file('draft.gguf'), options);
      await engine.generate('bada', { maxTokens: 150, ignoreEos: true }).finish();
      await engine.dispose();
      const [name] = readdirSync(file('cache/acceptance'));
      const text = readFileSync(file(`cache/acceptance/${name!}`), 'utf8');
      const kinds = Object.keys((JSON.parse(text) as { models: object }).models);
      expect(kinds[0]).toBe('temperature 1, withoutReplacement');
      expect(kinds[1]).toMatch(/^temperature 1, withoutReplacement at 0\.\d+$/);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
