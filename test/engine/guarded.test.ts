// The guard in a real engine: what it keeps, and that nothing else about a generation changes.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sum } from 'simple-statistics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineOptions } from '../../src/engine/options.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-guarded-'));
const file = (name: string): string => join(folder, `${name}.gguf`);
const cache = process.env['OUTRIDER_CACHE'];
const greedy = { maxTokens: 80, sampling: { temperature: 0 }, ignoreEos: true } as const;

beforeAll(() => {
  const shape = { contextLength: 1024, headDim: 64 };
  writeTinyModel(file('target'), { ...shape, layers: 6, embedding: 256, feedForward: 512 });
  writeTinyModel(file('other'), { ...shape, seed: 5 });
  process.env['OUTRIDER_CACHE'] = join(folder, 'cache');
});
afterAll(() => {
  if (cache === undefined) delete process.env['OUTRIDER_CACHE'];
  else process.env['OUTRIDER_CACHE'] = cache;
  rmSync(folder, { recursive: true });
});

const kept = (): string[] => {
  try {
    return readdirSync(join(folder, 'cache', 'cost')).sort();
  } catch {
    return [];
  }
};

async function generate(draft: string | undefined, options: Omit<EngineOptions, 'target' | 'draft'> = {}) {
  const engine = await loadEngine(file('target'), draft && file(draft), options);
  const result = await engine.generate('a story of old times', greedy).finish();
  await engine.dispose();
  return result;
}

describe('a guarded engine', () => {
  it('says what plain decoding says, with a good draft and with a useless one', async () => {
    const plain = await generate(undefined);
    for (const draft of ['target', 'other']) {
      const shares: number[] = [];
      const guarded = await generate(draft, { guard: true, onMeasure: (share) => shares.push(share) });
      expect(guarded.tokens).toEqual(plain.tokens);
      expect(guarded.lossless).toBe(true);
      expect(['speculating', 'plain']).toContain(guarded.stats.guard.state);
      expect(guarded.stats.guard.reason).not.toBe('');
      expect(shares.at(-1)).toBe(1);
    }
  });

  it('works with drafters that need no model', async () => {
    const plain = await generate(undefined);
    for (const drafter of ['suffix', 'prompt-lookup', 'token-recycling', ['suffix', 'token-recycling']]) {
      const guarded = await generate(undefined, { guard: true, drafter });
      expect(guarded.tokens).toEqual(plain.tokens);
    }
  });

  it('keeps what it learnt of acceptance when it is asked to', async () => {
    const before = kept();
    await generate('other', { guard: true, keepAcceptance: false });
    expect(kept().filter((name) => name.endsWith('.acceptance.json'))).toEqual(
      before.filter((name) => name.endsWith('.acceptance.json')),
    );
    await generate('other', { guard: true, keepAcceptance: true });
    expect(kept().filter((name) => name.endsWith('.acceptance.json')).length).toBeGreaterThan(0);
  });

  it('keeps what came true of confidences, and adds to it', async () => {
    const triesIn = (name: string): number => {
      const { kinds } = JSON.parse(readFileSync(join(folder, 'cache', 'cost', name), 'utf8')) as {
        kinds: Record<string, { tried: number[] }>;
      };
      return sum(Object.values(kinds)[0]!.tried);
    };
    const before = new Set(kept());
    const options = { guard: true, drafter: 'suffix', keepAcceptance: true } as const;
    await generate(undefined, options);
    const [name] = kept().filter((one) => one.endsWith('.acceptance.json') && !before.has(one));
    const once = triesIn(name!);
    expect(once).toBeGreaterThan(0);
    await generate(undefined, options);
    expect(triesIn(name!)).toBeGreaterThan(once);
  });
});
