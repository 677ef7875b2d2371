import { describe, expect, it } from 'vitest';
import type { ResultsFile } from '../../src/bench/results-file.js';
import { runBench, type BenchProgress } from '../../src/bench/run-bench.js';
import type { runTrialProcess } from '../../src/bench/run-trial.js';
import { resultsOf } from '../../src/bench/results-file.js';
import { trialName, type ResultLine, type Trial } from '../../src/bench/sample.js';
import { pairName, type TrialPlan } from '../../src/bench/trial.js';
import { BenchError, ResultsFileError } from '../../src/errors.js';
import { pairOf, runHead, trialHead } from '../helpers/bench-lines.js';

const trials: Trial[] = ['guarded', 'suffix'].map((method) => ({
  ...{ workload: 'stories', method, temperature: 0, nodes: null },
}));
const run = runHead(trials);

const plans = trials.map((trial): Omit<TrialPlan, 'done' | 'startedAt'> => ({
  trial,
  method: { kind: 'engine', name: trial.method, requested: '', options: {} },
  prompts: ['a', 'b'].map((id) => ({ id, category: 'all', before: [], questions: ['?'], check: undefined })),
  ...{ targetPath: '', draftPath: undefined, gpu: 'off', gpuLayers: undefined, context: {}, sampling: {} },
  ...{ repetitions: 2, maxTokens: 8, seed: 0, ignoreEos: false },
}));

/** Runs what is not done yet; `onPair` may throw. */
const fakeTrial =
  (onPair: (name: string) => void = () => undefined): typeof runTrialProcess =>
  (plan, onMessage) => {
    onMessage({ kind: 'head', head: trialHead(plan.trial) });
    for (let repetition = 0; repetition < plan.repetitions; repetition++) {
      for (const { id } of plan.prompts) {
        if (plan.done.includes(pairName({ prompt: id, repetition }))) continue;
        onPair(`${plan.trial.method} ${id} ${repetition}`);
        onMessage({ kind: 'pair', samples: pairOf(plan.trial, id, repetition) });
      }
    }
    return Promise.resolve();
  };

/** A file that keeps its lines. */
function fakeFile(onAppend: (lines: readonly ResultLine[]) => void = () => undefined) {
  const lines: ResultLine[] = [];
  const file = {
    append: (more: readonly ResultLine[]) => {
      onAppend(more);
      lines.push(...more);
    },
  } as unknown as ResultsFile;
  return { file, lines };
}

const namesOf = (lines: readonly ResultLine[]): string[] =>
  lines.flatMap((line) => (line.kind === 'sample' ? `${line.trial} ${pairName(line)} ${line.side}` : []));

describe('a run', () => {
  it('measures every pair of every trial once, writes it down and tells how far it is', async () => {
    const { file, lines } = fakeFile();
    const seen: BenchProgress[] = [];
    const progress = (one: BenchProgress): void => void seen.push(one);
    const { results, stoppedBy } = await runBench({
      run,
      plans,
      file,
      runTrial: fakeTrial(),
      onProgress: progress,
    });
    expect(stoppedBy).toBeUndefined();
    expect(results.isComplete).toBe(true);
    expect(new Set(namesOf(lines)).size).toBe(16);
    expect(namesOf(lines)).toEqual(namesOf(results.samples));
    expect(seen.at(-1)).toEqual({ trial: trialName(trials[1]!), numDone: 8, numPairs: 8 });
  });

  it('notes a trial that fails and runs the next one', async () => {
    const failing: typeof runTrialProcess = (plan, ...rest) =>
      plan.trial.method === 'guarded' ? Promise.reject(new BenchError('no')) : fakeTrial()(plan, ...rest);
    const { results, stoppedBy } = await runBench({ run, plans, file: undefined, runTrial: failing });
    expect(stoppedBy).toBeUndefined();
    expect(results.failures).toEqual([{ kind: 'failure', trial: trialName(trials[0]!), message: 'no' }]);
    expect(results.samples.length).toBe(8);
  });

  it('keeps what it has when it is interrupted, and goes on from there', async () => {
    const controller = new AbortController();
    const { file, lines } = fakeFile();
    const interrupted = fakeTrial((name) => {
      if (name !== 'suffix b 0') return;
      controller.abort(new Error('Interrupted'));
      controller.signal.throwIfAborted();
    });
    const stopped = async (...args: Parameters<typeof runTrialProcess>): Promise<void> =>
      interrupted(...args);
    const { signal } = controller;
    const first = await runBench({ run, plans, file, runTrial: stopped, signal });
    expect(first.stoppedBy).toBe(signal.reason);
    expect(first.results.isComplete).toBe(false);
    expect(first.results.samples.length).toBe(10);

    const before = resultsOf(run, lines);
    const second = await runBench({ run, plans, file, before, runTrial: fakeTrial() });
    expect(second.results.isComplete).toBe(true);
    expect(new Set(namesOf(lines)).size).toBe(16);
    expect(namesOf(lines).length).toBe(16);
    expect(namesOf(second.results.samples).sort()).toEqual(namesOf(lines).sort());
  });

  it('stops where the disk is full, with what was measured before', async () => {
    let numAppends = 0;
    const { file } = fakeFile(() => {
      // What is noted later would fit again.
      if (++numAppends === 4) throw new ResultsFileError('The disk is full');
    });
    const failing = async (...args: Parameters<typeof runTrialProcess>): Promise<void> =>
      fakeTrial()(...args);
    const { results, stoppedBy } = await runBench({ run, plans, file, runTrial: failing });
    expect(stoppedBy).toBeInstanceOf(ResultsFileError);
    expect(results.samples.length).toBe(4);
    expect(results.failures).toEqual([]);
    expect(results.isComplete).toBe(false);
  });
});
