// The first three tokens of a trained model with a draft against those without one.
import { describe, expect, it } from 'vitest';
import { loadEngine } from '../helpers/engines.js';
import { report } from '../helpers/report.js';
import { hasShared, storyModel } from '../helpers/shared-models.js';
import { holm, testOfTwo, type ChiSquare, type Counts } from './chi-square.js';
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

/** Repeats itself, so that DRY has something to see, and leaves open what comes next. */
const prompt = 'Lily saw a big dog. Tim saw a big';
/** No bonus token within an outcome: rejections, which broken verifiers get wrong, are as common as can be. */
const tree = 'chain:3';

const plainCounts = new Map<string, Counts>();

/** Plain sampling, with seeds that no other side uses. */
async function countPlainly(): Promise<void> {
  const engine = await loadEngine(storyModel('f32'), undefined);
  for (const [index, [name, sampling]] of settings.entries()) {
    plainCounts.set(name, await countOutputs(engine, prompt, sampling, 1e9 + 1e6 * index));
  }
  await engine.dispose();
  engine.target.dispose();
}

async function testAll(methods: readonly Method[]): Promise<ChiSquare[]> {
  if (plainCounts.size === 0) await countPlainly();
  const results: ChiSquare[] = [];
  const rows = [];
  for (const { verifier, tree } of methods) {
    const options = { verifier, tree, measureSpeedup: false };
    const engine = await loadEngine(storyModel('f32'), storyModel('noise10'), options);
    for (const [name, sampling] of settings) {
      const counts = await countOutputs(engine, prompt, sampling, 1e6 * (results.length + 1));
      const result = testOfTwo(plainCounts.get(name)!, counts);
      results.push(result);
      rows.push({ verifier: engine.verifierFor({ temperature: 1 }).name, tree, sampling: name, ...result });
    }
    await engine.dispose();
    engine.target.dispose();
  }
  report(`First ${numTokens} tokens against plain sampling, ${numSamples} samples on each side`, rows);
  return results;
}

describe.skipIf(!hasShared)('the output of stories260K with noise10 (skipped without ../shared)', () => {
  it('has the law of plain sampling under every lossless verifier and all sampling parameters', async () => {
    const pValues = (
      await testAll(['match', 'rejection', 'block'].map((verifier) => ({ verifier, tree })))
    ).map(({ pValue }) => pValue);
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
