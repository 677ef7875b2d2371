// The first three tokens against a law that is written down.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { distributionOf } from '../../src/sampling/transforms.js';
import type { SamplingParams, TokenId } from '../../src/types.js';
import { randomTable, writeKnownLawModel } from '../fixtures/known-law.js';
import { testAgainstLaw, type Counts } from './chi-square.js';
import { lawCases } from './law-cases.js';
import { dry, numTokens, penalties, type Settings } from './output-laws.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-output-law-'));
afterAll(() => rmSync(folder, { recursive: true }));

const size = 12;
/** Repeats itself, so that penalties and DRY have something to see. */
const prompt = 'ABCABCAB';
const targetTable = randomTable(size, 1, 0.5);
const draftTable = randomTable(size, 2, 0.5).map((row, previous) =>
  row.map((probability, token) => (probability + targetTable[previous]![token]!) / 2),
);
const targetPath = join(folder, 'target.gguf');
const draftPath = join(folder, 'draft.gguf');
/** One that ends texts: drafts end there, and the law goes on. */
const endToken = 2;
const { beginToken } = writeKnownLawModel(targetPath, { table: targetTable, endToken });
writeKnownLawModel(draftPath, { table: draftTable, endToken });
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

const settings: Settings = [
  ['T 1', {}],
  ['T 0.6', { temperature: 0.6 }],
  ['T 1, top-k 8', { topK: 8 }],
  ['T 0.6, top-k 8', { temperature: 0.6, topK: 8 }],
  ['top-p 0.9', { topP: 0.9 }],
  ['penalties', penalties],
  ['DRY', dry],
  ['all together', { ...penalties, ...dry, temperature: 0.8, topK: 8, topP: 0.9 }],
];

describe('the law that a pair was made for', () => {
  lawCases({
    target: targetPath,
    draft: draftPath,
    prompt,
    settings,
    // Two drafts and a bonus token fill an outcome; whatever is rejected starts a second round.
    chainLength: 2,
    against: 'the exact law',
    judge: (counts, _setting, sampling) => testAgainstLaw(counts, exactLaw(sampling)),
  });
});
