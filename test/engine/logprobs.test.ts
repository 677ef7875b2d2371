// Log-probabilities of output tokens: those of decoding the same tokens one by one, whatever was speculated.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DisposedError } from '../../src/errors.js';
import type { GenerationResult } from '../../src/engine/decode-loop.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import { probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import type { SamplingParams, TokenId, TokenLogprobs } from '../../src/types.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { exactContext, loadEngine } from '../helpers/engines.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-logprobs-'));
const file = (name: string): string => join(folder, `${name}.gguf`);
const prompt = [1, 300, 270, 281, 300, 270];
const numAlternatives = 5;
const sampling: SamplingParams = {
  temperature: 0.8,
  topK: 12,
  topP: 0.95,
  repeatPenalty: 1.2,
  presencePenalty: 0.3,
  dryMultiplier: 0.5,
};

beforeAll(() => {
  writeTinyModel(file('target'));
  writeTinyModel(file('draft'), { noise: { seed: 1, relative: 0.05 } });
});
afterAll(() => rmSync(folder, { recursive: true }));

async function generate(
  method: { tree: string; verifier: string } | undefined,
  logprobs: number | undefined,
): Promise<GenerationResult> {
  const draft = method === undefined ? undefined : file('draft');
  const engine = await loadEngine(file('target'), draft, { ...method, measureSpeedup: true });
  const options = { maxTokens: 60, sampling, seed: 5, ignoreEos: true, logprobs };
  const result = await engine.generate(prompt, options).finish();
  await engine.dispose();
  engine.target.dispose();
  return result;
}

/** Rows before each token, decoded one by one. */
async function rowsBefore(tokens: readonly TokenId[], sampler: Sampler): Promise<Distribution[]> {
  const model = await loadModel(file('target'), { gpu: 'off' });
  const context = await model.createContext(exactContext);
  const sequence = context.sequence();
  await sequence.prefill(prompt.slice(0, -1));
  const rows: Distribution[] = [];
  for (const token of [prompt.at(-1)!, ...tokens.slice(0, -1)]) {
    const decoded = await sequence.decode({ tokens: [token], sampler });
    rows.push(decoded.rows.row(0));
    decoded.rows.release();
    sequence.commit(0);
  }
  context.dispose();
  model.dispose();
  return rows;
}

const logOf = (probability: number): number | null => (probability > 0 ? Math.log(probability) : null);

function compare(actual: number | null, expected: number | null): void {
  if (expected === null) expect(actual).toBeNull();
  else expect(actual).toBeCloseTo(expected, 4);
}

describe('log-probabilities', () => {
  it.each([
    undefined,
    { tree: 'chain:4', verifier: 'block' },
    { tree: 'static:2,2', verifier: 'recursive' },
    { tree: 'dynamic:8', verifier: 'traversal' },
    { tree: 'eagle-2:8', verifier: 'naive' },
  ])('of %o are those of decoding one by one, before and after the sampling parameters', async (method) => {
    const { tokens, logprobs, stats } = await generate(method, numAlternatives);
    const own = await rowsBefore(tokens, new Sampler());
    const sampled = await rowsBefore(tokens, new Sampler(sampling));
    expect(logprobs).toHaveLength(tokens.length);
    if (method !== undefined) expect(stats.acceptedTokens).toBeGreaterThan(10);
    let numNull = 0;
    logprobs!.forEach((found, index) => {
      expect(found.token).toBe(tokens[index]);
      const { ids, probs } = own[index]!;
      const likeliest = [...ids.keys()].sort((one, other) => probs[other]! - probs[one]! || one - other);
      expect(found.alternatives.map(({ token }) => token)).toEqual(
        likeliest.slice(0, numAlternatives).map((at) => ids[at]),
      );
      for (const { token, logprob, samplingLogprob } of [found, ...found.alternatives]) {
        compare(logprob, logOf(probabilityOf(own[index]!, token)));
        compare(samplingLogprob, logOf(probabilityOf(sampled[index]!, token)));
        numNull += Number(samplingLogprob === null);
      }
    });
    expect(numNull).toBeGreaterThan(0);
  });

  it('of match are those of plain decoding from the same seed', async () => {
    const plain = await generate(undefined, 3);
    const speculative = await generate({ tree: 'static:2,2', verifier: 'naive' }, 3);
    expect(speculative.tokens).toEqual(plain.tokens);
    const flat = ({ logprobs }: GenerationResult): (number | null)[] =>
      logprobs!.flatMap((one: TokenLogprobs) =>
        [one, ...one.alternatives].flatMap(({ token, logprob, samplingLogprob }) => [
          token,
          logprob,
          samplingLogprob,
        ]),
      );
    flat(speculative).forEach((value, index) => compare(value, flat(plain)[index]!));
  });

  it('change nothing of the output, come with their tokens, and are left out where nobody asks', async () => {
    const silent = await generate({ tree: 'chain:4', verifier: 'block' }, undefined);
    expect(silent).not.toHaveProperty('logprobs');
    const told = await generate({ tree: 'chain:4', verifier: 'block' }, 0);
    expect(told.tokens).toEqual(silent.tokens);
    expect(told.logprobs!.every(({ alternatives }) => alternatives.length === 0)).toBe(true);
    const plain = await generate(undefined, undefined);
    expect((await generate(undefined, 2)).tokens).toEqual(plain.tokens);
  });

  it.each([-1, 1.5, 1001, NaN])('refuse %d alternatives', async (numWrong) => {
    await expect(generate(undefined, numWrong)).rejects.toThrow(/for logprobs but received/);
  });

  it('are refused by rows that did not keep their logits', async () => {
    const model = await loadModel(file('target'), { gpu: 'off' });
    const context = await model.createContext(exactContext);
    const sampler = new Sampler();
    const plain = await context.sequence().decode({ tokens: [1], sampler });
    expect(() => plain.rows.logprobs(0, 1, 1)).toThrow(/rows that keep their logits/);
    const kept = await context.sequence().decode({ tokens: [1], sampler, keepsLogits: true });
    expect(() => kept.rows.logprobs(0, model.info.vocabSize, 1)).toThrow(/a token of the vocabulary/);
    expect(() => kept.rows.logprobs(1, 1, 1)).toThrow(RangeError);
    expect(kept.rows.logprobs(0, 1, 1e6).alternatives).toHaveLength(model.info.vocabSize);
    kept.rows.release();
    expect(() => kept.rows.logprobs(0, 1, 1)).toThrow(DisposedError);
    context.dispose();
    model.dispose();
  });
});
