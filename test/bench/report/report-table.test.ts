import { describe, expect, it } from 'vitest';
import type { TrialHead } from '../../../src/bench/sample.js';
import { tableReport } from '../../../src/bench/report/report-table.js';
import { summarize } from '../../../src/bench/report/summary.js';
import {
  fakeHead,
  fakePair,
  fakeResults,
  fakeRun,
  fakeTrial,
  manyResults,
} from '../../helpers/bench-results.js';

const report = (...results: Parameters<typeof fakeResults>) =>
  tableReport(summarize(fakeResults(...results)));
const fast = { decodeMs: 500, accepted: [3, 1], drafted: [4, 4], depths: [4, 4] };
const samples = [
  ...fakePair({ prompt: 'a' }, fast),
  ...fakePair({ prompt: 'b', decodeMs: 2000 }, { ...fast, firstTokenMs: 60 }),
];

describe('the table', () => {
  it('has a line for each trial and aligned columns', () => {
    const [titles, line] = report(samples).split('\n');
    expect(titles).toMatch(
      /^workload +method +temp\. +plain tokens\/s +tokens\/s +speedup +tokens a round +first token/,
    );
    expect(line).toMatch(/^edits +model +0 +75\.0 +200\.0 +2\.67 \(2\.00 to 4\.00\) +3\.00 +1\.10 +all 2$/);
    const widths = tableReport(summarize(manyResults()))
      .split('\n')
      .slice(0, 33)
      .map((row) => row.length);
    expect(new Set(widths).size).toBe(1);
  });

  it('tells what speculation brings, and who profits least and most', () => {
    const trials = ['stories', 'edits'].map((workload) => fakeTrial({ workload }));
    const runs = [1000, 250].flatMap((decodeMs, index) => fakePair({}, { decodeMs }, trials[index]!));
    const text = report(runs, { trials });
    expect(text).toContain(
      'Speed against plain decoding, geometric mean over workloads: model 2.00 at temperature 0.',
    );
    expect(text).toContain(
      'With model at temperature 0, stories profits least (1.00) and edits most (4.00).',
    );
  });

  it('says which workloads are slower beyond chance', () => {
    expect(report(samples)).toContain('No workload is slower than plain decoding beyond chance');
    const slow = ['a', 'b'].flatMap((prompt) => fakePair({ prompt }, { decodeMs: 1500 }));
    expect(report(slow)).toContain('Slower than plain decoding beyond chance: edits, model, temperature 0.');
  });

  it('is marked partial where the run was ended', () => {
    const text = report(samples, { isComplete: false });
    expect(text.split('\n')[0]).toBe('partial');
    expect(text).toContain('1 of 1 trials were begun');
    expect(text).toContain('Partial: edits, model, temperature 0: 2 of 4 answers.');
    expect(report(samples).split('\n')[0]).not.toBe('partial');
  });

  it('says why there are no speeds', () => {
    const text = tableReport(summarize(manyResults()));
    expect(text).toContain('Failed: stories, prompt-lookup, temperature 0: the drafter needs 3 GB of memory');
    expect(text).toContain('Refused: edits, prompt-lookup, temperature 0: 1 of 12 answers are not those');
    expect(text).toMatch(/edits +prompt-lookup +0 +- +- +refused .* no, 1 of 12 differ +67 %/);
    expect(text).toMatch(/stories +model +0 .* 11 of 12, 1 near tie +67 %, 67 % of 6\n/);
    expect(text).toMatch(/edits +model +1 .* in distribution +67 %, 67 % of 6\n/);
  });

  it('shows quality beside the speed of a lossy method', () => {
    const text = tableReport(summarize(manyResults()));
    expect(text).toMatch(
      /pareto \(lossy\) +0 .* lossy, bias 0\.020 a token, TV 0\.040, 8 of 12 same +67 %, 67 % of 6\n/,
    );
    expect(text).toMatch(/pareto \(lossy\) +1 .* lossy, bias 0\.020 a token, TV 0\.040 +67 %, 67 % of 6\n/);
    expect(text).toContain('bias is the total variation distance');
  });

  it('shows right answers of lossy methods and of other programs, and of no others', () => {
    const trial = fakeTrial({ method: 'any' });
    const answers = fakePair({ isCorrect: true }, { isCorrect: false, isSame: null }, trial);
    const of = (head: Partial<TrialHead>): string =>
      report(answers, { trials: [trial], heads: [fakeHead(trial, head)] });
    expect(of({ lossless: false })).toMatch(/ lossy +100 %, 0 % of 1\n/);
    expect(of({ achieved: { peer: 'any' } })).toMatch(/ not compared +100 %, 0 % of 1\n/);
    expect(of({})).not.toContain('right');
  });

  it('calls a greedy answer that nobody compared what it is', () => {
    const of = (temperature: number): string => {
      const trial = fakeTrial({ temperature });
      return report(fakePair({}, { isSame: null }, trial), { trials: [trial] });
    };
    expect(of(0)).toContain('not compared');
    expect(of(1)).toContain('in distribution');
  });

  it('says that the processor was throttled meanwhile', () => {
    expect(report(samples)).not.toContain('throttled');
    expect(report([...samples, ...fakePair({ prompt: 'c', throttles: 2 })])).toContain(
      'The processor was throttled for heat 4 times while it answered',
    );
  });

  it('marks synthetic methods and inflated targets', () => {
    const trial = fakeTrial({ method: 'wishful' });
    const run = fakeRun([trial], {
      target: { path: 't', sha256: '0', description: 'demo target, inflated to 300M' },
    });
    const text = report(fakePair({}, fast, trial), {
      ...{ trials: [trial], run },
      heads: [fakeHead(trial, { achieved: { synthetic: true } })],
    });
    expect(text).toContain('wishful (synthetic)');
    expect(text).toContain('Synthetic methods draft from the known answer');
    expect(text).toContain('The target is inflated');
  });

  it('never takes a lossy or a synthetic method for the best', () => {
    const text = tableReport(summarize(manyResults()));
    expect(text).toMatch(/With model at temperature \d, stories profits least/);
  });

  it('warns of intervals of few prompts', () => {
    expect(report(samples)).toContain('fewer than 10 prompts');
    const many = Array.from({ length: 10 }, (_, index) => fakePair({ prompt: String(index) }, fast)).flat();
    expect(report(many)).not.toContain('fewer than 10 prompts');
  });

  it('of a run that brought nothing says so', () => {
    expect(report([])).toContain('No speeds were measured.');
    expect(report([], { trials: [], isComplete: false })).toContain('partial');
  });
});
