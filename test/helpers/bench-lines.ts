import { trialName, type RunHead, type Sample, type Trial, type TrialHead } from '../../src/bench/sample.js';

const model = { path: 'model.gguf', sha256: 'ab', description: 'a model' };

/** The head of a run of these trials. */
export function runHead(trials: readonly Trial[], change: Partial<RunHead> = {}): RunHead {
  return {
    kind: 'run',
    version: 1,
    startedAt: '2026-11-26T10:00:00.000Z',
    ...{ outrider: '0.1.0', build: 'a build', device: 'a device', notes: [] },
    ...{ target: model, draft: null, repetitions: 2, maxTokens: 8, seed: 0 },
    trials: [...trials],
    ...change,
  };
}

/** The head of a trial. */
export function trialHead(trial: Trial): TrialHead {
  return {
    kind: 'trial',
    trial: trialName(trial),
    ...{ requested: '--guard off', achieved: {}, lossless: true, numPrompts: 2, cost: [] },
  };
}

/** A pair of samples of one prompt. */
export function pairOf(trial: Trial, prompt: string, repetition: number): [Sample, Sample] {
  const shared = {
    kind: 'sample' as const,
    trial: trialName(trial),
    ...{ prompt, category: 'all', repetition, seed: repetition, outputTokens: 8, promptTokens: 4 },
    ...{ decodedTokens: 8, draftTokens: 0, acceptedTokens: 0, firstTokenMs: 3, wallMs: 90, at: 0 },
    ...{ accepted: [], drafted: [], depths: [], roundMs: [], plainRounds: 0, times: null, guard: '' },
    ...{ isSame: null, margin: null, isCorrect: null, quality: null, bias: null, throttles: 0 },
  };
  return [
    { ...shared, side: 'plain', decodeMs: 80 },
    { ...shared, side: 'method', decodeMs: 40, isSame: true },
  ];
}
