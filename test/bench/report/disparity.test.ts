import { describe, expect, it } from 'vitest';
import { disparities } from '../../../src/bench/report/disparity.js';
import { summarize } from '../../../src/bench/report/summary.js';
import { disparity } from '../../../src/theory/disparity.js';
import { fakePair, fakeResults, fakeTrial } from '../../helpers/bench-results.js';

describe('disparity', () => {
  const drafts = (acceptedTokens: number) => ({ draftTokens: 10, acceptedTokens });

  it('is over the workloads of one method and temperature, the fastest first', () => {
    const trials = ['stories', 'edits'].map((workload) => fakeTrial({ workload }));
    const samples = [
      ...fakePair({}, { decodeMs: 1000, ...drafts(4) }, trials[0]!),
      ...fakePair({}, { decodeMs: 500, ...drafts(8) }, trials[1]!),
    ];
    const [found, ...others] = disparities(summarize(fakeResults(samples, { trials })));
    expect(others).toEqual([]);
    expect(found!.over).toBe('workloads');
    expect(found!.tasks).toEqual([
      { task: 'edits', speedup: 2, acceptanceRate: 0.8 },
      { task: 'stories', speedup: 1, acceptanceRate: 0.4 },
    ]);
    expect(found!.speedup).toEqual(disparity([1, 2]));
    expect(found!.acceptanceRate).toEqual(disparity([0.4, 0.8]));
  });

  it('is over the categories of a workload, too', () => {
    const samples = [
      ...fakePair({ prompt: 'a', category: 'code' }, { decodeMs: 1000 }),
      ...fakePair({ prompt: 'b', category: 'chat' }, { decodeMs: 500 }),
    ];
    const found = disparities(summarize(fakeResults(samples)));
    expect(found).toMatchObject([{ over: 'categories of edits', acceptanceRate: null }]);
    expect(found[0]!.tasks.map(({ task }) => task)).toEqual(['chat', 'code']);
  });

  it('is not told of one workload or of none', () => {
    expect(disparities(summarize(fakeResults(fakePair({}))))).toEqual([]);
    expect(disparities(summarize(fakeResults([])))).toEqual([]);
  });
});
