import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import {
  BusyError,
  ContextFullError,
  DisposedError,
  IncompatibleMethodsError,
  VocabMismatchError,
} from '../../src/errors.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

let folder: string;
let engine: Engine;
const file = (name: string): string => join(folder, `${name}.gguf`);
const long = { maxTokens: 150, ignoreEos: true };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-lifetime-'));
  writeTinyModel(file('target'));
  writeTinyModel(file('draft'), { noise: { seed: 1, relative: 0.1 } });
  writeTinyModel(file('other'), { vocabSize: 340 });
  writeTinyModel(file('long'), { contextLength: 2048, canEnd: true });
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  engine = await loadEngine(file('target'), file('draft'), { context: { contextSize: 256 } });
});
afterEach(() => engine.dispose());

describe('an engine', () => {
  it('refuses a second generation while one runs, and the first goes on', async () => {
    const first = engine.generate('bada', long);
    const events = first[Symbol.asyncIterator]();
    await events.next();
    await expect(engine.generate('bada', long).finish()).rejects.toThrow(BusyError);
    while ((await events.next()).done !== true);
    expect(first.result.tokens).toHaveLength(150);
  });

  it('refuses a generation after it was disposed', async () => {
    await engine.dispose();
    expect(() => engine.generate('bada')).toThrow(DisposedError);
  });

  it('ends a running generation when it is disposed', async () => {
    const generation = engine.generate('bada', long);
    const events = generation[Symbol.asyncIterator]();
    await events.next();
    await engine.dispose();
    await expect(
      (async () => {
        while ((await events.next()).done !== true);
      })(),
    ).rejects.toThrow(DisposedError);
    expect(generation.result.tokens.length).toBeGreaterThan(0);
  });

  it('generates again after its reader stopped reading', async () => {
    for await (const event of engine.generate('bada', long)) if (event.type === 'token') break;
    const { finishReason } = await engine.generate('bada', long).finish();
    expect(finishReason).toBe('length');
  });

  it('rejects with the reason of its signal, keeps what was produced, and generates again', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const generation = engine.generate('bada', { ...long, signal: controller.signal });
    const reading = (async () => {
      for await (const event of generation) if (event.type === 'round') controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(generation.result.tokens.length).toBeGreaterThan(0);
    expect(generation.result.finishReason).toBe('abort');
    expect((await engine.generate('bada', { ...long, maxTokens: 3 }).finish()).tokens).toHaveLength(3);
  });

  it('decodes of a second prompt only what it does not share with the first', async () => {
    const prompt = Array.from({ length: 40 }, (_, index) => 270 + (index % 20));
    await engine.generate(prompt, { maxTokens: 2 }).finish();
    const { stats } = await engine.generate([...prompt, 280, 281], { maxTokens: 2 }).finish();
    expect(stats.reusedPromptTokens).toBeGreaterThanOrEqual(40);
  });

  it('stops at the end of the context', async () => {
    const { finishReason, tokens } = await engine.generate('bada', { ...long, maxTokens: 10_000 }).finish();
    expect(finishReason).toBe('length');
    expect(tokens.length).toBeGreaterThan(240);
    expect(tokens.length).toBeLessThan(257);
  });

  it('refuses a prompt that is longer than the context, and names both sizes', async () => {
    const prompt = Array.from({ length: 300 }, () => 270);
    const refused = engine.generate(prompt, long).finish();
    await expect(refused).rejects.toThrow(ContextFullError);
    await expect(engine.generate(prompt, long).finish()).rejects.toThrow(/300 tokens.*256/s);
  });

  it('refuses tokens outside the vocabulary, unknown options and values out of range', () => {
    expect(() => engine.generate([400])).toThrow(RangeError);
    expect(() => engine.generate('bada', { maxToken: 3 } as never)).toThrow(/maxToken/);
    expect(() => engine.generate('bada', { maxTokens: -1 })).toThrow(/-1/);
    expect(() => engine.generate('bada', { sampling: { topP: 2 } })).toThrow(/topP/);
    expect(() => engine.generate('bada', { seed: 0.5 })).toThrow(/seed/);
  });
});

describe('createEngine', () => {
  it('refuses a draft of another vocabulary, and names both sizes', async () => {
    const creating = loadEngine(file('target'), file('other'));
    await expect(creating).rejects.toThrow(VocabMismatchError);
    await expect(loadEngine(file('target'), file('other'))).rejects.toThrow(/320.*340/s);
  });

  it('refuses the drafter model without a draft model, unknown names and unknown options', async () => {
    await expect(loadEngine(file('target'), undefined, { drafter: 'model' })).rejects.toThrow(
      IncompatibleMethodsError,
    );
    await expect(loadEngine(file('target'), undefined, { verifier: 'guess' })).rejects.toThrow(/guess/);
    await expect(loadEngine(file('target'), undefined, { verifier: ['match'] as never })).rejects.toThrow(
      /a name or a verifier/,
    );
    await expect(loadEngine(file('target'), undefined, { tree: 'chain:x' })).rejects.toThrow(/chain:x/);
    await expect(loadEngine(file('target'), undefined, { trees: 'chain:2' } as never)).rejects.toThrow(
      /trees/,
    );
  });

  it('drafts nothing where the context of the draft model is too small, and goes on', async () => {
    const small = await loadEngine(file('target'), file('draft'), {
      context: { contextSize: 512 },
      draftContext: { contextSize: 256, kvType: 'f32', flashAttention: 'off', threads: 1 },
    });
    const plain = await loadEngine(file('target'), undefined, { context: { contextSize: 512 } });
    const options = { maxTokens: 400, ignoreEos: true, sampling: { temperature: 0 } };
    const { tokens } = await small.generate('bada', options).finish();
    expect(tokens).toEqual((await plain.generate('bada', options).finish()).tokens);
    await Promise.all([small.dispose(), plain.dispose()]);
  });
});

describe('plain decoding', () => {
  it('counts a round for each token, though one call draws many', async () => {
    const plain = await loadEngine(file('target'), undefined, { context: { contextSize: 256 } });
    const { stats, tokens } = await plain.generate('bada', long).finish();
    expect(tokens).toHaveLength(150);
    expect(stats.rounds).toBe(150);
    expect(stats.draftTokens).toBe(0);
    expect(stats.speedup).toBeNull();
    await plain.dispose();
  });

  it('ends at a stop text in the middle of a call, and the next prompt goes on from there', async () => {
    const plain = await loadEngine(file('target'), undefined, { context: { contextSize: 256 } });
    const options = { ...long, sampling: { temperature: 0 } };
    const whole = await plain.generate('bada', options).finish();
    const half = Math.floor(whole.text.length / 2);
    const stop = whole.text.slice(half, half + 6);
    const stopped = await plain.generate('bada', { ...options, stop: [stop] }).finish();
    expect(stopped.finishReason).toBe('stop');
    expect(stopped.text).toBe(whole.text.slice(0, whole.text.indexOf(stop)));
    expect((await plain.generate('bada', options).finish()).tokens).toEqual(whole.tokens);
    await plain.dispose();
  });

  it('lets the target end at a stop text or an end token, and says nothing of what was drawn beyond', async () => {
    const options = { maxTokens: 1800, sampling: { temperature: 0.9 }, seed: 3 };
    const plain = await loadEngine(file('long'), undefined, { context: { contextSize: 2048 } });
    const whole = await plain.generate('bada', { ...options, ignoreEos: true }).finish();
    expect(whole.tokens).toHaveLength(1800);
    const end = whole.tokens.findIndex((token) => plain.target.tokenizer.isEndOfGeneration(token));
    expect(end).toBeGreaterThan(3);
    expect(end).toBeLessThan(400);

    const ended = await plain.generate('bada', options).finish();
    expect(ended.finishReason).toBe('stop');
    expect(ended.tokens).toEqual(whole.tokens.slice(0, end));
    expect(plain.sequence.length).toBe(ended.stats.promptTokens + end);

    const stop = whole.text.slice(300, 312);
    const stopped = await plain.generate('bada', { ...options, ignoreEos: true, stop: [stop] }).finish();
    expect(stopped.finishReason).toBe('stop');
    expect(stopped.text).toBe(whole.text.slice(0, whole.text.indexOf(stop)));
    expect(stopped.tokens).toEqual(whole.tokens.slice(0, stopped.tokens.length));
    expect(stopped.tokens.length).toBeLessThan(400);
    expect(plain.sequence.length).toBeLessThan(1800);

    const first = plain.target.tokenizer.decode(whole.tokens.slice(0, 1));
    const atOnce = await plain.generate('bada', { ...options, stop: [first] }).finish();
    expect(atOnce).toMatchObject({ finishReason: 'stop', text: '', tokens: whole.tokens.slice(0, 1) });

    const short = await plain.generate('bada', { ...options, maxTokens: 3 }).finish();
    expect(short.tokens).toEqual(whole.tokens.slice(0, 3));
    expect(plain.sequence.length).toBe(short.stats.promptTokens + 2);
    await plain.dispose();
  });
});
