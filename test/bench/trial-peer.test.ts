// What a trial hands to its method and what it learns of its answers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Method } from '../../src/bench/method.js';
import type { Sample, TrialHead } from '../../src/bench/sample.js';
import { runTrial, type TrialPlan } from '../../src/bench/trial.js';
import { PeerError } from '../../src/errors.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { speculativeBody, writeProgram } from '../helpers/fake-programs.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-trial-peer-'));
const [targetPath, draftPath] = [join(folder, 'target.gguf'), join(folder, 'draft.gguf')];
beforeAll(() => {
  writeTinyModel(targetPath, { logitDeviation: 4 });
  writeTinyModel(draftPath, { logitDeviation: 4, noise: { seed: 2, relative: 0.3 } });
});
afterAll(() => rmSync(folder, { recursive: true }));

type Kind = Method extends infer One ? (One extends Method ? Omit<One, 'name' | 'requested'> : never) : never;
const plain: Kind = { kind: 'peer', peer: 'node-llama-cpp-plain', binary: undefined };

async function run(
  kind: Kind,
  temperature: number,
  changes: Partial<TrialPlan> = {},
): Promise<{ readonly head: TrialHead; readonly samples: readonly Sample[] }> {
  const method = { name: 'any', requested: '', ...kind } as Method;
  const prompts = [
    { id: 'a', category: 'all', before: [], questions: ['hello world hello'], check: undefined },
  ];
  let head: TrialHead | undefined;
  const samples: Sample[] = [];
  const plan: TrialPlan = {
    ...{ trial: { workload: 'any', method: 'any', temperature, nodes: null }, method, prompts },
    ...{ targetPath, draftPath, gpu: 'off', gpuLayers: undefined, sampling: {}, done: [] },
    context: { contextSize: 256, threads: 1, batchSize: 64, kvType: 'f32', flashAttention: 'off' },
    ...{ repetitions: 1, maxTokens: 16, seed: 1, ignoreEos: true, startedAt: Date.now() },
    ...changes,
  };
  await runTrial(plan, (message) => {
    if (message.kind === 'head') head = message.head;
    else samples.push(...message.samples);
  });
  return { head: head!, samples };
}

describe('a trial', () => {
  it('hands its settings to a peer', async () => {
    const { head, samples } = await run(plain, 0);
    expect(head.achieved['settings']).toContain('batchSize 64, KV cache f32, flashAttention off');
    expect(samples.map(({ isSame }) => isSame)).toEqual([null, true]);
  });

  it('ends with a word where its peer cannot sample so', async () => {
    const refused = run(plain, 1, { sampling: { typicalP: 0.5 } });
    await expect(refused).rejects.toThrow(PeerError);
    await expect(refused).rejects.toThrow('node-llama-cpp-plain does not sample');
  });

  it('compares the text of a peer that tells no tokens', async () => {
    const binary = writeProgram(folder, 'simple', speculativeBody(' and on'));
    const { samples } = await run({ kind: 'peer', peer: 'llama-speculative-simple', binary }, 0);
    expect(samples.map(({ isSame }) => isSame)).toEqual([null, false]);
  });

  it('learns what a lossy rule spent', async () => {
    const options = {
      drafter: 'model',
      verifier: 'pareto',
      epsilon: 0.1,
      guard: false,
      tree: 'chain:4',
    } as const;
    const { head, samples } = await run({ kind: 'engine', options }, 1);
    expect(head.lossless).toBe(false);
    expect(samples[0]!.bias).toBeNull();
    expect(samples[1]!.bias).toBeGreaterThan(0);
  });
});
