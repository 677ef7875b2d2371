// Plain decoding in one call: tokens told while the next ones are computed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { BusyError } from '../../src/errors.js';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { probabilityOf } from '../../src/sampling/distribution.js';
import type { ExtendedTokens, ExtendRequest } from '../../src/model/sequence-calls.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-extend-'));
const prompt = [1, 300, 280, 265];
const root = 290;
const numTokens = 1500;
const random = new SeededRandom(3, 'uniforms');
const uniforms = Float64Array.from({ length: numTokens }, () => random.uniform());
const request: ExtendRequest = { sampler: new Sampler(), numTokens, uniforms, stopAtEnd: false };
let model: Model;
let context: Context;
let sequence: Sequence;
let other: Sequence;
/** What an undisturbed call draws. */
let expected: number[];

beforeAll(async () => {
  const path = join(folder, 'llama.gguf');
  writeTinyModel(path, { vocabSize: 320, contextLength: 2048 });
  model = await loadModel(path, { gpu: 'off' });
  context = await model.createContext({
    contextSize: 4096,
    sequences: 2,
    kvType: 'f32',
    flashAttention: 'off',
    threads: 1,
  });
  [sequence, other] = [context.sequence(0), context.sequence(1)];
  await sequence.prefill(prompt);
  expected = (await portionsOf(sequence.extend(root, request))).flatMap(({ tokens }) => Array.from(tokens));
}, 60_000);

beforeEach(async () => {
  await sequence.truncate(0);
  await sequence.prefill(prompt);
});

afterAll(() => {
  context.dispose();
  model.dispose();
  rmSync(folder, { recursive: true });
});

async function portionsOf(extension: AsyncIterable<ExtendedTokens>): Promise<ExtendedTokens[]> {
  const portions: ExtendedTokens[] = [];
  for await (const portion of extension) portions.push(portion);
  return portions;
}

/** The sequence holds what was told, or more of what was drawn, and goes on from there as an undisturbed one. */
async function expectToGoOn(): Promise<void> {
  const { length } = sequence;
  const drawn = length - prompt.length - 1;
  expect(Array.from(sequence.tokens)).toEqual([...prompt, root, ...expected.slice(0, drawn)]);
  const rest = { ...request, numTokens: 20, uniforms: uniforms.subarray(drawn + 1) };
  const portions = await portionsOf(sequence.extend(expected[drawn]!, rest));
  expect(portions.flatMap(({ tokens }) => Array.from(tokens))).toEqual(expected.slice(drawn + 1, drawn + 21));
}

it('tells the first token alone and all of them in order, and keeps all but the last', async () => {
  const portions = await portionsOf(sequence.extend(root, request));
  expect(portions[0]!.tokens).toHaveLength(1);
  expect(portions.length).toBeGreaterThan(2);
  expect(portions.flatMap(({ tokens }) => Array.from(tokens))).toEqual(expected);
  expect(expected).toHaveLength(numTokens);
  expect(Array.from(sequence.tokens)).toEqual([...prompt, root, ...expected.slice(0, -1)]);
  for (const { decodeMs, samplingMs } of portions) expect(Math.min(decodeMs, samplingMs)).toBeGreaterThan(0);
  const times = portions.map(({ toldAt }) => toldAt);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

it('tells how likely each token was in its row', async () => {
  const portions = await portionsOf(sequence.extend(root, { ...request, numTokens: 12 }));
  const told = portions.flatMap(({ probabilities }) => Array.from(probabilities));
  await sequence.truncate(prompt.length);
  const { rows } = await sequence.decode({
    tokens: [root, ...expected.slice(0, 11)],
    sampler: new Sampler(),
  });
  const { own, largest } = rows.probabilities(expected.slice(0, 12));
  for (const [index, probability] of told.entries()) {
    expect(probability).toBeCloseTo(own[index]!, 6);
    expect(own[index]).toBe(probabilityOf(rows.row(index), expected[index]!));
    expect(largest[index]).toBe(Math.max(...rows.row(index).probs));
  }
  expect(() => rows.probabilities([1])).toThrow('Expected a token for each of 12 rows but received 1');
  rows.release();
});

it('takes the likeliest tokens without uniforms', async () => {
  const greedy = { ...request, numTokens: 12, uniforms: undefined };
  const tokens = (await portionsOf(sequence.extend(root, greedy))).flatMap((told) => Array.from(told.tokens));
  await sequence.truncate(prompt.length);
  const atZero = { ...greedy, sampler: new Sampler({ temperature: 0 }), uniforms };
  const same = (await portionsOf(sequence.extend(root, atZero))).flatMap((told) => Array.from(told.tokens));
  expect(tokens).toEqual(same);
});

it('stops when its reader leaves', async () => {
  for await (const { tokens } of sequence.extend(root, request)) {
    expect(tokens[0]).toBe(expected[0]);
    break;
  }
  expect(sequence.length).toBeGreaterThan(prompt.length);
  expect(sequence.length).toBeLessThan(prompt.length + numTokens);
  await expectToGoOn();
});

it('keeps what was told when it is aborted', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  let told = 0;
  const reading = (async () => {
    for await (const { tokens } of sequence.extend(root, { ...request, signal: controller.signal })) {
      told += tokens.length;
      controller.abort(reason);
    }
  })();
  await expect(reading).rejects.toBe(reason);
  expect(told).toBeGreaterThan(0);
  expect(sequence.length).toBeLessThan(prompt.length + numTokens);
  await expectToGoOn();
});

it('goes on where it was when another sequence of the context is aborted', async () => {
  const drawn: number[] = [];
  let aborts = 0;
  for await (const { tokens } of sequence.extend(root, request)) {
    drawn.push(...tokens);
    const controller = new AbortController();
    const waiting = other
      .decode({ tokens: [270], sampler: request.sampler, signal: controller.signal })
      .catch((error: unknown) => void (aborts += Number(error === controller.signal.reason)));
    await setImmediate();
    controller.abort();
    await waiting;
  }
  expect(aborts).toBeGreaterThan(0);
  expect(drawn).toEqual(expected);
  expect(Array.from(sequence.tokens)).toEqual([...prompt, root, ...expected.slice(0, -1)]);
});

it('stops when its reader leaves while an abort of another sequence makes it start again', async () => {
  // Whether the abort or the stop is seen first is up to the threads.
  for (let attempt = 0; attempt < 12; attempt++) {
    for await (const { tokens } of sequence.extend(root, request)) {
      expect(tokens[0]).toBe(expected[0]);
      context.native.abort();
      break;
    }
    expect(sequence.length).toBeLessThan(prompt.length + numTokens);
    await expectToGoOn();
    await sequence.truncate(prompt.length);
  }
});

it('is busy until it has ended, also when nobody reads on', async () => {
  const abandoned = sequence.extend(root, { ...request, numTokens: 200 });
  await abandoned.next();
  await expect(sequence.truncate(0)).rejects.toThrow(BusyError);
  for (let waited = 0; waited < 400 && sequence.length < prompt.length + 200; waited++) {
    await setTimeout(5);
  }
  await setTimeout(50);
  await expectToGoOn();
});
