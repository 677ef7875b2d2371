// A run as one page.
import { conclusions, notices } from './conclusions.js';
import { disparities } from './disparity.js';
import { html, Html } from './html.js';
import { page } from './page.js';
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
import { figureHtml, reportFigures } from './report-figures.js';
import { runFacts } from './run-facts.js';
import type { BenchResults, TrialHead } from '../sample.js';
import { summarize, type RunSummary } from './summary.js';

/** The page: facts, sentences, tables, pictures and settings. */
export async function htmlReport(
  results: BenchResults,
  summary: RunSummary = summarize(results),
): Promise<string> {
  const figures: Html[] = [];
  for (const figure of reportFigures(results, summary)) figures.push(await figureHtml(figure));
  const title = `Outrider benchmark, ${results.run.startedAt.slice(0, 10)}`;
  return page(
    title,
    html`<h1>${title}${summary.isComplete ? '' : html` <span class="mark">partial</span>`}</h1>
      <div class="lead">${conclusions(summary).map((sentence) => html`<p>${sentence}</p>`)}</div>
      <dl>
        ${runFacts(summary).map(
          ([name, value]) =>
            html`<dt>${name}</dt>
              <dd>${value}</dd> `,
        )}
      </dl>
      ${noticesHtml(summary)} ${tables(summary)} ${figures} ${disparityHtml(summary)}
      ${settings([...results.trials.values()])}`,
  );
}

function noticesHtml(summary: RunSummary): Html {
  const sentences = notices(summary);
  if (sentences.length === 0) return new Html('');
  return html`<h2>To be known</h2>
    <ul class="notices">
      ${sentences.map((sentence) => html`<li>${sentence}</li>`)}
    </ul>`;
}

function tables(summary: RunSummary): Html {
  const { trials } = summary;
  const categories = categoryRows(trials);
  return html`<h2>Figures</h2>
    <p>
      Tokens/s: mean and standard deviation over answers, of decoding alone. Speedup: with 95 % interval,
      prompts drawn again. Tokens a round: with the recovered or bonus token. First token: the time to it over
      that of plain decoding.
    </p>
    ${table(trialColumns, trials)}
    ${
      categories.length === 0
        ? ''
        : html`<details>
            <summary>By category</summary>
            ${table(categoryColumns, categories)}
          </details>`
    }
    <details>
      <summary>As Spec-Bench measures: whole answers, prompts included</summary>
      <p>Mean accepted tokens count plain rounds, too, as Spec-Bench does (arXiv:2401.07851).</p>
      ${table(specBenchColumns, trials)}
      ${categories.length === 0 ? '' : table(specBenchCategoryColumns, categories)}
    </details>`;
}

function disparityHtml(summary: RunSummary): Html {
  const rows = disparities(summary);
  if (rows.length === 0) return new Html('');
  return html`<details>
    <summary>Disparity in figures</summary>
    <p>How unequally tasks are served (arXiv:2510.02128). min / max: 1 is equal; Gini: 0 is equal.</p>
    ${table(disparityColumns, rows)}
  </details>`;
}

function settings(heads: readonly TrialHead[]): Html {
  if (heads.length === 0) return new Html('');
  const achieved = (head: TrialHead): string =>
    Object.entries(head.achieved)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  return html`<details>
    <summary>Settings of each trial</summary>
    ${heads.map(
      (head) =>
        html`<p>
          <b>${head.trial}</b>: asked for <code>${head.requested || 'nothing'}</code>; got
          <code>${achieved(head)}</code>
        </p> `,
    )}
  </details>`;
}

const words: ReadonlySet<string> = new Set([
  'workload',
  'method',
  'category',
  'over',
  'same as plain',
  'most',
  'least',
]);

function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Html {
  const [titles = [], ...cells] = tableCells(columns, rows);
  const classOf = (index: number, cell = ''): string =>
    [
      words.has(titles[index]!) ? 'word' : '',
      titles[index] === 'speedup' ? 'strong' : '',
      cell === 'refused' || cell === 'failed' ? 'refused' : '',
    ]
      .filter((name) => name !== '')
      .join(' ');
  return html`<div class="table" tabindex="0">
    <table>
      <thead>
        <tr>
          ${titles.map((title, index) => html`<th scope="col" class="${classOf(index)}">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${cells.map(
          (line) =>
            html`<tr>
              ${line.map((cell, index) =>
                index === 0
                  ? html`<th scope="row" class="${classOf(index)}">${cell}</th>`
                  : html`<td class="${classOf(index, cell)}">${cell}</td>`,
              )}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}
