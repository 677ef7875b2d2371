import { expect, it } from 'vitest';
import { methodLabel, summarizeMethods } from '../../../src/bench/report/method-summary.js';
import { summarize } from '../../../src/bench/report/summary.js';
import { fakePair, fakeResults, fakeTrial } from '../../helpers/bench-results.js';

it('a method brings the geometric mean over its workloads, each temperature for itself', () => {
  const trials = [
    fakeTrial({ workload: 'stories' }),
    fakeTrial({ workload: 'edits' }),
    fakeTrial({ workload: 'edits', temperature: 1 }),
    fakeTrial({ workload: 'chats' }),
  ];
  const samples = [1000, 250, 500].flatMap((decodeMs, index) => fakePair({}, { decodeMs }, trials[index]!));
  const methods = summarizeMethods(summarize(fakeResults(samples, { trials })));
  expect(methods).toMatchObject([
    {
      ...{ temperature: 0, speedup: 2, numTrials: 3, numMeasured: 2 },
      least: { workload: 'stories', speedup: 1 },
      most: { workload: 'edits', speedup: 4 },
    },
    { temperature: 1, speedup: 2, numTrials: 1 },
  ]);
});

it('a method that was not measured brings nothing that is known', () => {
  expect(summarizeMethods(summarize(fakeResults([])))).toMatchObject([
    { speedup: null, least: null, most: null },
  ]);
});

it('a method is called by its number of draft tokens where it was asked for', () => {
  expect(methodLabel(fakeTrial())).toBe('model');
  expect(methodLabel(fakeTrial({ nodes: 8 }))).toBe('model, 8 nodes');
});
