// How many tokens are rejected and accepted, against closed forms and an independent simulation.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean, sampleStandardDeviation, sum } from 'simple-statistics';
import { afterAll, describe, expect, it } from 'vitest';
import type { GenerationEvent } from '../../src/engine/decode-loop.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Distribution } from '../../src/sampling/distribution.js';
import { totalVariation } from '../../src/sampling/residual.js';
import { expectedAcceptedTokens } from '../../src/theory/chain-acceptance.js';
import type { NextTokenLaw } from '../../src/theory/next-token-law.js';
import { randomTable, writeKnownLawModel } from '../fixtures/known-law.js';
import { loadEngine } from '../helpers/engines.js';
import { report } from '../helpers/report.js';
import { dense } from '../helpers/table-model.js';
import { hasShared, storyModel, storyPrompts } from '../helpers/shared-models.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-rejections-'));
afterAll(() => rmSync(folder, { recursive: true }));

const size = 8;
const target = randomTable(size, 1, 0.7);
const draft = randomTable(size, 2, 0.7).map((row, previous) =>
  row.map((probability, token) => (probability + target[previous]![token]!) / 2),
);
const targetPath = join(folder, 'target.gguf');
const draftPath = join(folder, 'draft.gguf');
writeKnownLawModel(targetPath, { table: target });
writeKnownLawModel(draftPath, { table: draft });

/** Tokens of one generation, and generations: 20,000 tokens. */
const length = 40;
const numGenerations = 500;
const chainLength = 4;
const firstToken = 1;

const [targetRows, draftRows] = [target, draft].map((table) => table.map((row) => dense(...row)));
/** The law of what follows a token and a history. */
const lawAfter =
  (rows: readonly Distribution[], token: number): NextTokenLaw =>
  (history) =>
    rows[history.at(-1) ?? token]!;

/** Expected rejections of `length` tokens, drafts unbounded: the total variations along the target's own output. */
function expectedRejections(): number {
  let law = new Array<number>(size).fill(0).with(firstToken, 1);
  let total = 0;
  for (let position = 0; position < length; position++) {
    total += sum(
      law.map((probability, token) => probability * totalVariation(targetRows![token]!, draftRows![token]!)),
    );
    law = law.map((_, token) =>
      sum(law.map((probability, previous) => probability * target[previous]![token]!)),
    );
  }
  return total;
}

/** Calls back for every event of `numGenerations` generations. */
async function generateAll(
  engine: Engine,
  onEvent: (event: GenerationEvent, generation: number) => void,
): Promise<void> {
  const prompt = [size, firstToken];
  for (let seed = 0; seed < numGenerations; seed++) {
    for await (const event of engine.generate(prompt, { maxTokens: length, seed, ignoreEos: true })) {
      onEvent(event, seed);
    }
  }
  await engine.dispose();
  engine.target.dispose();
}

describe('a pair with a known law', () => {
  it('is rejected as often as the total variations add up to', async () => {
    // A round never runs out of draft tokens, so that each output token is an accepted or a recovered one.
    const options = { verifier: 'rejection', tree: `chain:${length}`, measureSpeedup: false };
    const engine = await loadEngine(targetPath, draftPath, options);
    const rejections = new Array<number>(numGenerations).fill(0);
    let numBonus = 0;
    await generateAll(engine, (event, generation) => {
      if (event.type !== 'token') return;
      if (event.kind === 'recovered') rejections[generation]! += 1;
      if (event.kind === 'bonus') numBonus += 1;
    });
    const error = sampleStandardDeviation(rejections) * Math.sqrt(numGenerations);
    const expected = numGenerations * expectedRejections();
    report(`Rejections in ${numGenerations * length} tokens`, [
      { measured: sum(rejections), expected, standardError: error },
    ]);
    expect(numBonus).toBe(0);
    expect(Math.abs(sum(rejections) - expected)).toBeLessThan(3 * error);
  });

  it.each(['rejection', 'block'] as const)('has the mean accepted length of %s', async (rule) => {
    const options = { verifier: rule, tree: `chain:${chainLength}`, measureSpeedup: false };
    const engine = await loadEngine(targetPath, draftPath, options);
    const expected = Array.from({ length: size }, (_, token) =>
      expectedAcceptedTokens(rule, lawAfter(targetRows!, token), lawAfter(draftRows!, token), chainLength),
    );
    // Rounds depend on each other only through where they start.
    const starts: number[] = [];
    const accepted: number[] = [];
    let last = firstToken;
    let root = firstToken;
    await generateAll(engine, (event) => {
      if (event.type === 'token') last = event.token;
      if (event.type === 'round') {
        starts.push(root);
        accepted.push(event.round.numAccepted);
        root = last;
      }
      if (event.type === 'done') last = root = firstToken;
    });
    const differences = accepted.map((count, round) => count - expected[starts[round]!]!);
    const error = sampleStandardDeviation(differences) / Math.sqrt(differences.length);
    report(`Accepted draft tokens of a round, chain:${chainLength}, ${rule}`, [
      {
        rounds: accepted.length,
        measured: mean(accepted),
        expected: mean(starts.map((token) => expected[token]!)),
        standardError: error,
      },
    ]);
    expect(Math.abs(mean(differences))).toBeLessThan(3 * error);
  });
});

/** Of ../shared/research/reference-figures.md: noise10, temperature 1, 8 nodes. */
const references = [
  { verifier: 'match', draftDraws: 'argmax', expected: 2.272 },
  { verifier: 'rejection', draftDraws: 'sampled', expected: 4.212 },
  { verifier: 'block', draftDraws: 'sampled', expected: 4.763 },
] as const;

describe.skipIf(!hasShared)('stories260K with noise10 (skipped without ../shared)', () => {
  const seedsOfPrompt = Number(process.env['OUTRIDER_SEEDS'] ?? 32);

  it.each(references)('has the mean acceptance length of $verifier', async (reference) => {
    const { verifier, draftDraws, expected } = reference;
    const options = { verifier, draftDraws, tree: 'chain:8', measureSpeedup: false };
    const engine = await loadEngine(storyModel('f32'), storyModel('noise10'), options);
    const sequences: { rounds: number; tokens: number }[] = [];
    for (const [index, prompt] of storyPrompts().entries()) {
      for (let seed = 0; seed < seedsOfPrompt; seed++) {
        const settings = { maxTokens: 150, seed: 1000 * index + seed, ignoreEos: true };
        const { stats } = await engine.generate(prompt, settings).finish();
        sequences.push({ rounds: stats.rounds, tokens: stats.acceptedTokens + stats.rounds });
      }
    }
    await engine.dispose();
    engine.target.dispose();
    const rounds = sum(sequences.map((sequence) => sequence.rounds));
    const measured = sum(sequences.map((sequence) => sequence.tokens)) / rounds;
    const deviations = sequences.map((sequence) => sequence.tokens - measured * sequence.rounds);
    const standardError = (sampleStandardDeviation(deviations) * Math.sqrt(sequences.length)) / rounds;
    report(`Mean acceptance length, ${verifier}, chain:8, ${sequences.length} sequences of 150 tokens`, [
      { verifier, draws: draftDraws, measured, standardError, reference: expected, rounds },
    ]);
    expect(Math.abs(measured / expected - 1)).toBeLessThan(0.05);
  });
});
