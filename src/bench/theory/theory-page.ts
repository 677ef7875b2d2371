// A comparison of theory and measurement as one page.
import { html, Html } from '../report/html.js';
import { page } from '../report/page.js';
import { rowsTable } from '../report/rows-table.js';
import type { TheoryReport } from './compare.js';
import { theorySvg } from './pictures.js';
import { siblingCaption, siblingRows, taskCaption, taskRows, theoryRows, theorySentences } from './table.js';

/** The page: sentences, tables and pictures. */
export async function theoryPage(report: TheoryReport): Promise<string> {
  const title = 'Theory and measurement';
  return page(
    title,
    html`<h1>${title}</h1>
      <div class="lead">${theorySentences(report).map((sentence) => html`<p>${sentence}.</p>`)}</div>
      <h2>Methods, predicted and measured</h2>
      ${rowsTable(theoryRows(report))} ${captioned(taskCaption, taskRows(report))}
      ${captioned(siblingCaption, siblingRows(report))} ${new Html(await theorySvg(report))}`,
  );
}

function captioned(caption: string, rows: readonly (readonly string[])[]): Html {
  return rows.length === 0
    ? new Html('')
    : html`<p>${caption}</p>
        ${rowsTable(rows)}`;
}
