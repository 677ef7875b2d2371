// A run as a terminal shows it.
import { textTable } from '../../metrics/text-table.js';
import { conclusions, notices } from './conclusions.js';
import { briefColumns, tableCells } from './report-columns.js';
import type { RunSummary } from './summary.js';

/** Columns that are words. */
const leftColumns = 2;

/** One line a trial, then what it comes to in sentences, and what has to be known of it; without a line feed at the end. */
export function tableReport(summary: RunSummary): string {
  const table =
    summary.trials.length === 0
      ? []
      : textTable(tableCells(briefColumns(summary.trials), summary.trials), leftColumns);
  return [
    ...(summary.isComplete ? [] : ['partial']),
    ...table.map((line) => line.trimEnd()),
    '',
    ...conclusions(summary),
    'Speedup is with 95 % interval, first token the time to it over that of plain decoding.',
    ...notices(summary).map((notice) => `- ${notice}`),
  ].join('\n');
}
