// Where the reports of a benchmark go.
import { htmlReport } from '../bench/report/report-html.js';
import { jsonReport } from '../bench/report/report-json.js';
import { markdownReport } from '../bench/report/report-markdown.js';
import { tableReport } from '../bench/report/report-table.js';
import type { BenchResults } from '../bench/sample.js';
import { summarize } from '../bench/report/summary.js';
import { writeReportFile } from './report-file.js';

/** What is wanted of reports. */
export interface ReportChoice {
  readonly json: boolean;
  readonly markdown: boolean;
  /** Where the samples are. */
  readonly samples: string;
  /** Where the page with pictures goes; undefined: beside the samples. */
  readonly html: string | undefined;
}

/**
 * Prints the report to stdout, writes the page with pictures, and says on stderr where that and the samples are.
 * @throws {ResultsFileError} when the page cannot be written; the rest is done by then
 */
export async function writeReports(results: BenchResults, choice: ReportChoice): Promise<void> {
  const summary = summarize(results);
  const print = choice.json ? jsonReport : choice.markdown ? markdownReport : tableReport;
  console.log(print(summary).trimEnd());
  const html = choice.html ?? choice.samples.replace(/(\.jsonl)?$/, '.html');
  console.error(`Samples: ${choice.samples}`);
  writeReportFile(html, await htmlReport(results, summary));
  console.error(`Report with pictures: ${html}`);
}
