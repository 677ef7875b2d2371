// Acceptance by task beside its bounds, from hand-made texts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { TheoryReport } from '../../../src/bench/theory/compare.js';
import type { MeasuredRun } from '../../../src/bench/theory/method-bench.js';
import { readPrompts } from '../../../src/bench/prompt-file.js';
import { taskRows } from '../../../src/bench/theory/table.js';
import { reportTasks } from '../../../src/bench/theory/task-report.js';
import { factsOf, type Trace } from '../../../src/bench/theory/trace.js';
import type { Distribution } from '../../../src/sampling/distribution.js';
import { distribution } from '../../helpers/arbitraries.js';
import { dense } from '../../helpers/table-model.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-tasks-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A text of one token at which a round starts, and one behind that no round starts at. */
const traceOf = (target: Distribution, draft: Distribution, token: number): Trace => {
  const beyond = factsOf(dense(0.5, 0.5), dense(0.01, 0.99), 0, []);
  const facts = [factsOf(target, draft, token, []), beyond];
  return { prompt: Int32Array.of(0), tokens: [token, 0], facts, numStarts: 1 };
};
const run = (acceptedTokens: number, rejections: number): MeasuredRun => ({
  ...{ acceptedTokens, rejections, rounds: 1 + rejections, draftTokens: 2 * acceptedTokens, bias: 0, ms: 1 },
});

describe('tasks', () => {
  it('have the acceptance of their own texts and runs, sample after sample', () => {
    const alike = traceOf(dense(0.5, 0.5), dense(0.5, 0.5), 0);
    const apart = traceOf(dense(0.9, 0.1), dense(0.3, 0.7), 0);
    const tasks = reportTasks({
      tasks: ['code', 'chat'],
      traces: [alike, apart, alike, apart],
      runs: [[run(9, 1), run(1, 1), run(9, 1), run(3, 1)]],
    });
    expect(tasks).toMatchObject([
      { task: 'code', positions: 2, acceptance: 1, leastByDivergence: 1, measured: { value: 0.9 } },
      { task: 'chat', positions: 2, measured: { value: 4 / 6 } },
    ]);
    expect(tasks[1]!.acceptance).toBeCloseTo(0.4, 12);
    // The text's token has 0.9 of the target and 0.3 of the draft.
    expect(tasks[1]!.bounds.least).toBeCloseTo(0.2, 12);
    expect(tasks[1]!.bounds.most).toBeCloseTo(0.4, 12);
  });

  it('have an acceptance between their bounds, whatever the texts', () => {
    const text = fc.tuple(distribution(4), distribution(4), fc.nat(3));
    fc.assert(
      fc.property(fc.array(text, { minLength: 2, maxLength: 6 }), (texts) => {
        const traces = texts.map(([target, draft, token]) => traceOf(target, draft, token));
        const tasks = reportTasks({ tasks: texts.map((_, index) => String(index % 2)), traces, runs: [] });
        for (const { acceptance, measured, leastByDivergence, bounds } of tasks) {
          expect(acceptance).toBeGreaterThanOrEqual(Math.max(bounds.least, leastByDivergence) - 1e-12);
          expect(acceptance).toBeLessThanOrEqual(bounds.most + 1e-12);
          expect(measured).toBeUndefined();
        }
      }),
    );
  });

  it('are not told apart where there is one', () => {
    const trace = traceOf(dense(0.5, 0.5), dense(0.5, 0.5), 0);
    expect(reportTasks({ tasks: ['code', 'code'], traces: [trace, trace], runs: [] })).toEqual([]);
    expect(taskRows({ tasks: [] } as unknown as TheoryReport)).toEqual([]);
  });

  it('come from the categories of a file, line by line', async () => {
    const path = join(folder, 'prompts.jsonl');
    writeFileSync(
      path,
      '{"category": "qa", "prompt": "a"}\n\n{"prompt": "b"}\n{"turns": ["c"]}\n{"category": 1, "prompt": "d"}\n',
    );
    const categories = (await readPrompts(path)).map(({ category }) => category);
    expect(categories).toEqual(['qa', undefined, undefined, undefined]);
  });
});
