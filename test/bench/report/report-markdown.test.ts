import { expect, it } from 'vitest';
import { markdownReport } from '../../../src/bench/report/report-markdown.js';
import { summarize } from '../../../src/bench/report/summary.js';
import { fakePair, fakeResults, fakeTrial, manyResults } from '../../helpers/bench-results.js';

it('the page of Markdown says when and on what machine it was measured', () => {
  const page = markdownReport(summarize(manyResults()));
  expect(page).toContain('- Date: 2026-11-26 07:30 UTC\n- Machine: 2 cores of a processor, no GPU\n');
  expect(page).toContain('- Target: llama 300M, Q8_0 (models/target.gguf, SHA-256 abababababab)');
});

it('its tables have as many cells in each row as titles', () => {
  const page = markdownReport(summarize(manyResults()));
  const tables = page.split('\n\n').filter((part) => part.startsWith('|'));
  expect(tables.length).toBe(5);
  for (const table of tables) {
    const counts = table
      .trim()
      .split('\n')
      .map((line) => line.split('|').length);
    expect(new Set(counts).size).toBe(1);
  }
});

it("it shows Spec-Bench's protocol beside decoding alone", () => {
  const samples = [...fakePair({ prompt: 'a', wallMs: 2000 }, { decodeMs: 250, wallMs: 1000 })];
  const page = markdownReport(summarize(fakeResults(samples)));
  expect(page).toContain('| edits | model | 0 | 100.0 | 400.0 | 4.00 |');
  expect(page).toContain('| edits | model | 0 | 50.0 | 100.0 | 2.00 |');
});

it('it shows quality beside the speed of a lossy method', () => {
  const page = markdownReport(summarize(manyResults()));
  expect(page).toMatch(
    /pareto \(lossy\) \| 0 .* lossy, bias 0\.020 a token, TV 0\.040, 8 of 12 same \| 67 %, 67 % of 6 \|/,
  );
});

it('text from outside breaks neither tables nor pages', () => {
  const trial = fakeTrial({ workload: 'a|b\n<script>' });
  const page = markdownReport(summarize(fakeResults(fakePair({}, {}, trial), { trials: [trial] })));
  expect(page).toContain('| a\\|b &lt;script&gt; |');
  expect(page).not.toContain('<script>');
});

it('a run that brought nothing, or not all, is no reason to fail', () => {
  expect(markdownReport(summarize(fakeResults([], { trials: [] })))).toContain('No speeds were measured.');
  expect(markdownReport(summarize(manyResults({ isPartial: true })))).toContain('# Benchmark (partial)');
});
