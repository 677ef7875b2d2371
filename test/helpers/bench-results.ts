// Results of benchmarks that nobody ran, for reports to be tried on.
import {
  trialName,
  type BenchResults,
  type RunHead,
  type Sample,
  type Trial,
  type TrialHead,
} from '../../src/bench/sample.js';
import { SeededRandom } from '../fixtures/seeded-random.js';

/** A trial of the workload `edits` by the method `model` at temperature 0. */
export function fakeTrial(changes: Partial<Trial> = {}): Trial {
  return { workload: 'edits', method: 'model', temperature: 0, nodes: null, ...changes };
}

/** An answer of 100 tokens in a second, the same as plain decoding's. */
export function fakeSample(changes: Partial<Sample> = {}, trial: Trial = fakeTrial()): Sample {
  return {
    kind: 'sample',
    trial: trialName(trial),
    ...{ prompt: 'p1', category: 'edits', repetition: 0, side: 'method', seed: 1 },
    ...{ outputTokens: 100, promptTokens: 20, decodeMs: 1000, decodedTokens: 100 },
    ...{ draftTokens: 0, acceptedTokens: 0, firstTokenMs: 50, wallMs: 1050, at: 0 },
    ...{ accepted: [], drafted: [], depths: [], roundMs: [], plainRounds: 0, times: null, guard: '' },
    ...{ isSame: true, margin: null, isCorrect: null, quality: null, bias: null, throttles: 0 },
    ...changes,
  };
}

/** A plain answer in a second and the method's; both have what they share, the method's its own changes. */
export function fakePair(
  shared: Partial<Sample>,
  method: Partial<Sample> = {},
  trial: Trial = fakeTrial(),
): readonly [Sample, Sample] {
  return [
    fakeSample({ ...shared, side: 'plain', isSame: null }, trial),
    fakeSample({ ...shared, side: 'method', ...method }, trial),
  ];
}

/** A lossless trial's head. */
export function fakeHead(trial: Trial, changes: Partial<TrialHead> = {}): TrialHead {
  return {
    kind: 'trial',
    trial: trialName(trial),
    requested: `--drafter ${trial.method}`,
    achieved: { tree: 'chain:4', guard: true },
    lossless: true,
    numPrompts: 2,
    cost: [],
    ...changes,
  };
}

/** The head of a run of two repetitions. */
export function fakeRun(trials: readonly Trial[], changes: Partial<RunHead> = {}): RunHead {
  return {
    kind: 'run',
    version: 1,
    startedAt: '2026-11-26T07:30:00.000Z',
    outrider: '0.1.0',
    build: 'llama.cpp v0.5.0, Release, CPU',
    device: '2 cores of a processor, no GPU',
    notes: [],
    target: { path: 'models/target.gguf', sha256: 'ab'.repeat(32), description: 'llama 300M, Q8_0' },
    draft: { path: 'models/draft.gguf', sha256: 'cd'.repeat(32), description: 'llama 5M, F16' },
    repetitions: 2,
    maxTokens: 128,
    seed: 1,
    trials: [...trials],
    ...changes,
  };
}

/** A complete run of one trial with these samples. */
export function fakeResults(
  samples: readonly Sample[],
  {
    trials = [fakeTrial()],
    heads = trials.map((trial) => fakeHead(trial)),
    ...changes
  }: Partial<Omit<BenchResults, 'trials' | 'samples'>> & {
    readonly trials?: readonly Trial[];
    readonly heads?: readonly TrialHead[];
  } = {},
): BenchResults {
  return {
    run: fakeRun(trials),
    trials: new Map(heads.map((head) => [head.trial, head])),
    samples,
    failures: [],
    isComplete: true,
    ...changes,
  };
}

/** How a method does in {@link manyResults}. */
interface FakeMethod {
  readonly speedup: number;
  /** How often a draft token is accepted once its parent is. */
  readonly acceptance: number;
}

const methods: Readonly<Record<string, FakeMethod>> = {
  model: { speedup: 1.8, acceptance: 0.8 },
  'prompt-lookup': { speedup: 1.2, acceptance: 0.5 },
  pareto: { speedup: 2, acceptance: 0.9 },
  'synthetic:0.8': { speedup: 2.2, acceptance: 0.8 },
};
/** By name, how much of a method's speedup they give. */
const workloads: Readonly<Record<string, number>> = { stories: 0.7, edits: 1.3, 'retrieval-1k': 1, mixed: 1 };
const draftDepth = 4;

/**
 * A run of four workloads, four methods (one lossy, one synthetic) and two temperatures, with a near tie, a mismatch, a
 * failure, a lossy method that was audited, and, where it is partial, an end before the last trials.
 */
export function manyResults({ isPartial = false }: { readonly isPartial?: boolean } = {}): BenchResults {
  const random = new SeededRandom(1, 'bench results');
  const trials = Object.keys(workloads).flatMap((workload) =>
    Object.keys(methods).flatMap((method) =>
      [0, 1].map((temperature) => fakeTrial({ workload, method, temperature })),
    ),
  );
  const begun = isPartial ? trials.slice(0, -5) : trials;
  const clock = { at: 0 };
  const failed = trialName(trials.at(2)!);
  const samples = begun
    .filter((trial) => trialName(trial) !== failed)
    .flatMap((trial) => trialSamples(trial, { random, clock }));
  const kept = isPartial ? samples.slice(0, -3) : samples;
  return fakeResults(spoilt(kept), {
    trials,
    heads: begun.map((trial) =>
      fakeHead(trial, {
        lossless: trial.method !== 'pareto',
        numPrompts: 6,
        cost: [0, 512, 2048].flatMap((contextLength) =>
          [0, 1, 2, 4, 8, 16].map((numNodes) => ({
            numNodes,
            contextLength,
            ms: 12 + numNodes * (0.8 + contextLength / 2000),
          })),
        ),
      }),
    ),
    failures: [{ kind: 'failure', trial: failed, message: 'the drafter needs 3 GB of memory, 1 GB is free' }],
    isComplete: !isPartial,
    run: fakeRun(trials, { notes: ['Load average was 2.1 when the run began.'] }),
  });
}

/** The first pair of a trial parts at a near tie, one of another further apart. */
function spoilt(samples: readonly Sample[]): readonly Sample[] {
  const near = trialName(fakeTrial({ workload: 'stories' }));
  const far = trialName(fakeTrial({ workload: 'edits', method: 'prompt-lookup' }));
  return samples.map((sample) => {
    if (sample.side === 'plain' || sample.prompt !== 'p0' || sample.repetition > 0) return sample;
    if (sample.trial === near) return { ...sample, isSame: false, margin: 0.01 };
    return sample.trial === far ? { ...sample, isSame: false, margin: 0.8 } : sample;
  });
}

interface FakeSource {
  readonly random: SeededRandom;
  readonly clock: { at: number };
}

function trialSamples(trial: Trial, { random, clock }: FakeSource): Sample[] {
  const { speedup, acceptance } = methods[trial.method]!;
  const gain = 1 + (speedup - 1) * workloads[trial.workload]!;
  return [0, 1].flatMap((repetition) =>
    ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'].flatMap((prompt, index) => {
      const decodeMs = 1200 * Math.exp(0.08 * random.normal());
      const promptGain = gain * (1 + 0.08 * (index % 3)) * Math.exp(0.04 * random.normal());
      const shared = {
        ...{
          prompt,
          repetition,
          decodeMs,
          wallMs: decodeMs + 60,
          isCorrect: index % 2 === 0 ? index > 0 : null,
        },
        category: trial.workload === 'mixed' ? ['code', 'chat', 'maths'][index % 3]! : trial.workload,
      };
      const at = clock.at;
      clock.at += 2 * decodeMs;
      const methodMs = decodeMs / promptGain;
      return fakePair(
        { ...shared, at },
        {
          ...rounds(acceptance * (1 - 0.1 * (index % 3)), random),
          ...{ at: at + decodeMs, decodeMs: methodMs, wallMs: methodMs + 65, firstTokenMs: 52 },
          times: {
            draft: 0.2 * methodMs,
            decode: 0.7 * methodMs,
            verify: 0.06 * methodMs,
            overhead: 0.04 * methodMs,
          },
          isSame: trial.temperature > 0 ? null : trial.method !== 'pareto' || index % 4 !== 1,
          margin: trial.method === 'pareto' && trial.temperature === 0 && index % 4 === 1 ? 0.4 : null,
          quality: trial.method === 'pareto' ? { totalVariation: 0.04, topAgreement: 0.97 } : null,
          bias: trial.method === 'pareto' ? 2 : null,
        },
        trial,
      );
    }),
  );
}

/** Rounds of chains of four. */
function rounds(
  acceptance: number,
  random: SeededRandom,
): Pick<
  Sample,
  'accepted' | 'drafted' | 'depths' | 'roundMs' | 'draftTokens' | 'acceptedTokens' | 'plainRounds'
> {
  const accepted = Array.from({ length: 30 }, () => {
    let depth = 0;
    while (depth < draftDepth && random.uniform() < acceptance) depth += 1;
    return depth;
  });
  const all = accepted.map(() => draftDepth);
  return {
    ...{ accepted, drafted: all, depths: all, roundMs: accepted.map(() => 20), plainRounds: 2 },
    draftTokens: draftDepth * accepted.length,
    acceptedTokens: accepted.reduce((sum, count) => sum + count, 0),
  };
}
