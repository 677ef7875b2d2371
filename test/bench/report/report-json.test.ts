import { expect, it } from 'vitest';
import { jsonReport } from '../../../src/bench/report/report-json.js';
import { summarize } from '../../../src/bench/report/summary.js';
import { fakePair, fakeResults, manyResults } from '../../helpers/bench-results.js';

it('the summary is one object on one line', () => {
  const text = jsonReport(summarize(manyResults()));
  expect(text).not.toContain('\n');
  const { trials, methods, disparities, run, isComplete } = JSON.parse(text) as Record<string, unknown[]>;
  expect([trials!.length, methods!.length, isComplete]).toEqual([32, 8, true]);
  expect(disparities!.length).toBeGreaterThan(8);
  expect(run).toMatchObject({ repetitions: 2, seed: 1 });
});

it('it has the quality of lossy methods', () => {
  const { trials } = JSON.parse(jsonReport(summarize(manyResults()))) as {
    trials: Record<string, unknown>[];
  };
  expect(trials.find(({ isLossless }) => isLossless === false)).toMatchObject({
    biasPerToken: 0.02,
    likeness: { same: 8, mismatch: 4 },
    accuracy: { numChecked: 6, plain: 2 / 3, method: 2 / 3 },
  });
});

it('its figures are those of the summary, null where they are not known', () => {
  const text = jsonReport(summarize(fakeResults(fakePair({}, { decodeMs: 500 }))));
  const { trials } = JSON.parse(text) as { trials: Record<string, unknown>[] };
  expect(trials[0]).toMatchObject({
    ...{ name: 'edits, model, temperature 0', status: 'measured', acceptanceRate: null },
    decoding: { plain: { mean: 100, stdev: null }, method: { mean: 200 }, speedup: 2, interval: null },
  });
});
