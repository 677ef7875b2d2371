// A run as a page of Markdown.
import { conclusions, notices } from './conclusions.js';
import { disparities } from './disparity.js';
import {
  categoryColumns,
  categoryRows,
  disparityColumns,
  specBenchCategoryColumns,
  specBenchColumns,
  tableCells,
  trialColumns,
  type Column,
} from './report-columns.js';
import { runFacts } from './run-facts.js';
import type { RunSummary } from './summary.js';

/** Facts, sentences and tables; ends with a line feed. */
export function markdownReport(summary: RunSummary): string {
  const { trials, isComplete } = summary;
  return `${[
    `# Benchmark${isComplete ? '' : ' (partial)'}`,
    runFacts(summary)
      .map(([name, value]) => `- ${name}: ${escape(value)}`)
      .join('\n'),
    conclusions(summary).map(escape).join('\n'),
    ...table(trialColumns, trials),
    'Mean and standard deviation over answers; speedup with 95 % interval, prompts drawn again; first token: time to it over that of plain decoding.',
    ...list(notices(summary)),
    ...section('By category', table(categoryColumns, categoryRows(trials))),
    ...section('As Spec-Bench measures: whole answers, prompts included', table(specBenchColumns, trials)),
    ...section('The same by category', table(specBenchCategoryColumns, categoryRows(trials))),
    ...section('Disparity', table(disparityColumns, disparities(summary))),
  ].join('\n\n')}\n`;
}

function section(title: string, parts: readonly string[]): readonly string[] {
  return parts.length === 0 ? [] : [`## ${title}`, ...parts];
}

function list(items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : [items.map((item) => `- ${escape(item)}`).join('\n')];
}

function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return [];
  const [titles, ...cells] = tableCells(columns, rows).map((line) => `| ${line.map(escape).join(' | ')} |`);
  return [[titles, `|${' --- |'.repeat(columns.length)}`, ...cells].join('\n')];
}

/** Text that means nothing in Markdown or HTML. */
function escape(text: string): string {
  return text
    .replace(/[\\`*[\]|]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/\s+/g, ' ');
}
