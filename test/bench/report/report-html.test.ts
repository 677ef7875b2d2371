import { beforeAll, describe, expect, it } from 'vitest';
import { htmlReport } from '../../../src/bench/report/report-html.js';
import type { BenchResults } from '../../../src/bench/sample.js';
import {
  fakeHead,
  fakePair,
  fakeResults,
  fakeRun,
  fakeTrial,
  manyResults,
} from '../../helpers/bench-results.js';

const figures = ['speedup', 'acceptance', 'time-shares', 'cost', 'over-time', 'disparity'];

describe('the page of a whole run', () => {
  let page: string;
  beforeAll(async () => {
    page = await htmlReport(manyResults());
  });

  it('has all pictures, each with a title and a description', () => {
    for (const figure of figures) {
      expect(page.includes(`aria-labelledby="${figure}-0-title ${figure}-0-description"`)).toBe(true);
      expect(new RegExp(`<desc id="${figure}-0-description">[^<]+</desc>`).test(page)).toBe(true);
    }
  });

  it('shows quality beside the speed of a lossy method', () => {
    expect(page).toContain('lossy, bias 0.020 a token, TV 0.040, 8 of 12 same');
  });

  it('has no identifier twice', () => {
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('shows figures as tooltips of points', () => {
    expect(/<path[^>]*><title>edits, model: 2\.\d\d \(2\.\d\d to 2\.\d\d\)<\/title><\/path>/.test(page)).toBe(
      true,
    );
  });

  it('loads nothing and runs nothing', () => {
    expect(/<(script|link|img|iframe|object|embed|base|image|use)\b/i.exec(page)?.[0]).toBeUndefined();
    expect(/\b(src|href|xlink:href|action|on[a-z]+)=/i.exec(page)?.[0]).toBeUndefined();
    expect(/@import|url\(/.exec(page)?.[0]).toBeUndefined();
    const addresses = [...page.matchAll(/https?:\/\/[^"'<\s)]*/g)].map(([address]) => address);
    expect(addresses.filter((address) => !address.startsWith('http://www.w3.org/'))).toEqual([]);
  });

  it('has a row for each trial', () => {
    expect(page.match(/<tr>/g)!.length).toBeGreaterThan(33);
    expect(page.includes('undefined')).toBe(false);
    expect(page.includes('NaN')).toBe(false);
  });

  it('has what Spec-Bench measures of each trial and of each category', () => {
    expect(page.match(/mean accepted tokens/g)).toHaveLength(2);
  });

  it('is light', () => expect(page.length).toBeLessThan(700_000));
});

it('of many thousand answers the page shows some, and stays light', async () => {
  const many = Array.from({ length: 6000 }, (_, index) =>
    fakePair({ prompt: String(index % 100), repetition: Math.floor(index / 100), at: 1000 * index }),
  ).flat();
  const page = await htmlReport(fakeResults(many));
  expect(/Of 12000 answers, every 8th pair is shown\./.test(page)).toBe(true);
  expect(page.length).toBeLessThan(700_000);
});

it('text from outside is shown as text, wherever it stands', async () => {
  const evil = `<script>alert("1")</script>'&`;
  const trial = fakeTrial({ workload: `w${evil}`, method: `m${evil}` });
  const other = fakeTrial({ workload: `v${evil}`, method: `m${evil}` });
  const head = {
    requested: evil,
    achieved: { [evil]: evil },
    cost: [{ numNodes: 1, contextLength: 0, ms: 1 }],
  };
  const rounds = { accepted: [1], drafted: [2], depths: [2], draftTokens: 2, acceptedTokens: 1 };
  const times = { draft: 1, decode: 1, verify: 1, overhead: 1 };
  const results: BenchResults = fakeResults(
    [trial, other].flatMap((one) =>
      ['a', 'b'].flatMap((prompt) =>
        fakePair({ prompt: prompt + evil, category: prompt + evil }, { ...rounds, times }, one),
      ),
    ),
    {
      trials: [trial, other],
      heads: [trial, other].map((one) => fakeHead(one, head)),
      failures: [{ kind: 'failure', trial: `no${evil}`, message: evil }],
      run: fakeRun([trial, other], {
        ...{ startedAt: evil, outrider: evil, build: evil, device: evil, notes: [evil] },
        target: { path: evil, sha256: evil, description: evil },
      }),
    },
  );
  const page = await htmlReport(results);
  expect(/<script/i.exec(page)?.[0]).toBeUndefined();
  expect(page).toContain('m&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;');
});

it('a run that was ended, brought nothing or was never begun has a page, too', async () => {
  const partial = await htmlReport(manyResults({ isPartial: true }));
  expect(partial.includes('<span class="mark">partial</span>')).toBe(true);
  const empty = await htmlReport(fakeResults([]));
  expect(empty.includes('No speeds were measured.')).toBe(true);
  expect(/<svg|class="figure"/.exec(empty)?.[0]).toBeUndefined();
  expect(await htmlReport(fakeResults([], { trials: [], isComplete: false }))).toContain('partial');
});
