// The first three tokens against a law that is written down.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { distributionOf } from '../../src/sampling/transforms.js';
import type { SamplingParams, TokenId } from '../../src/types.js';
import { randomTable, writeKnownLawModel } from '../fixtures/known-law.js';
import { loadEngine } from '../helpers/engines.js';
import { report } from '../helpers/report.js';
import { holm, testAgainstLaw, type ChiSquare, type Counts } from './chi-square.js';
import {
  brokenTreeMethods,
  brokenVerifiers,
  countOutputs,
  familyError,
  numSamples,
  numTokens,
  settings,
  treeMethods,
  type Method,
} from './output-laws.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-output-law-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Two drafts and a bonus token fill an outcome; whatever is rejected starts a second round. */
const tree = 'chain:2';
const size = 12;
/** Repeats itself, so that penalties and DRY have something to see. */
const prompt = 'ABCABCAB';
const targetTable = randomTable(size, 1, 0.5);
const draftTable = randomTable(size, 2, 0.5).map((row, previous) =>
  row.map((probability, token) => (probability + targetTable[previous]![token]!) / 2),
);
const targetPath = join(folder, 'target.gguf');
const draftPath = join(folder, 'draft.gguf');
const { beginToken } = writeKnownLawModel(targetPath, { table: targetTable });
writeKnownLawModel(draftPath, { table: draftTable });
const promptTokens = [beginToken, ...Array.from(prompt, (letter) => letter.charCodeAt(0) - 65)];

/** Probabilities of the first tokens, by the reference implementation of the sampling parameters. */
function exactLaw(sampling: SamplingParams): Counts {
  const law = new Map<string, number>();
  const extend = (output: readonly TokenId[], probability: number): void => {
    if (output.length === numTokens) return void law.set(output.join(' '), probability);
    const history = [...promptTokens, ...output];
    const logits = Float32Array.from([...targetTable[history.at(-1)!]!.map(Math.log), -1e4]);
    const { ids, probs } = distributionOf(logits, sampling, Int32Array.from(history));
    ids.forEach((token, index) => extend([...output, token], probability * probs[index]!));
  };
  extend([], 1);
  return law;
}

async function testAll(methods: readonly Method[]): Promise<ChiSquare[]> {
  const results: ChiSquare[] = [];
  const rows = [];
  for (const { verifier, tree } of methods) {
    const engine = await loadEngine(targetPath, draftPath, { verifier, tree, measureSpeedup: false });
    for (const [name, sampling] of settings) {
      const counts = await countOutputs(engine, prompt, sampling, 1e6 * (results.length + 1));
      const result = testAgainstLaw(counts, exactLaw(sampling));
      results.push(result);
      rows.push({ verifier: engine.verifierFor({ temperature: 1 }).name, tree, sampling: name, ...result });
    }
    await engine.dispose();
    engine.target.dispose();
  }
  report(`First ${numTokens} tokens against the exact law, ${numSamples} samples each`, rows);
  return results;
}

describe('the output of a pair with a known law', () => {
  it('has exactly that law under every lossless verifier and all sampling parameters', async () => {
    const results = await testAll(['match', 'rejection', 'block'].map((verifier) => ({ verifier, tree })));
    const pValues = results.map(({ pValue }) => pValue);
    expect(holm(pValues, familyError)).toEqual(pValues.map(() => false));
  });

  it('does not have it under broken verifiers, at the same sample size', async () => {
    const pValues = (await testAll(brokenVerifiers.map((verifier) => ({ verifier, tree })))).map(
      ({ pValue }) => pValue,
    );
    expect(holm(pValues, familyError)).toEqual(pValues.map(() => true));
  });

  it('has it with trees, too', async () => {
    const pValues = (await testAll(treeMethods)).map(({ pValue }) => pValue);
    expect(holm(pValues, familyError)).toEqual(pValues.map(() => false));
  });

  it('does not have it with trees under broken methods, at the same sample size', async () => {
    const pValues = (await testAll(brokenTreeMethods)).map(({ pValue }) => pValue);
    expect(holm(pValues, familyError)).toEqual(pValues.map(() => true));
  });
});
