// A cost curve and the plan that follows as one page.
import type { TopLevelSpec } from 'vega-lite';
import { palette, pictureConfig, renderSvg } from '../bench/picture.js';
import { html, Html } from '../bench/report/html.js';
import { page } from '../bench/report/page.js';
import { rowsTable } from '../bench/report/rows-table.js';
import type { CostCurve } from './tune-curves.js';
import {
  assumedSentence,
  curveRows,
  generalSentences,
  pairSentence,
  plainSentence,
  type TuneReport,
} from './tune-sentences.js';

const [panelWidth, panelHeight] = [330, 260];

/** The page: pictures, sentences and tables. */
export async function tunePage(report: TuneReport): Promise<string> {
  const { target, draft, drafter, curves } = report;
  const title = `What rounds of ${drafter} cost`;
  const picture = curves.length === 0 ? '' : await curvesSvg(curves);
  return page(
    title,
    html`<h1>${title}</h1>
      <p>Target ${target}${draft === null ? '' : `, draft ${draft}`}</p>
      ${generalSentences(report).map((sentence) => html`<p>${sentence}.</p>`)} ${new Html(picture)}
      ${curves.map(curveHtml)}`,
  );
}

function curveHtml(curve: CostCurve): Html {
  return html`<h2>${plainSentence(curve)}</h2>
    <ul>
      ${curve.pairPlans.map((plan) => html`<li class="strong">${pairSentence(plan)}</li>`)}
      ${curve.plans.map((plan) => html`<li>${assumedSentence(plan)}</li>`)}
    </ul>
    ${rowsTable(curveRows(curve))}`;
}

/** Time by draft tokens, and tokens to break even with the plans' expected ones above, a line a length of context. */
function curvesSvg(curves: readonly CostCurve[]): Promise<string> {
  const values = curves.flatMap((curve) =>
    curve.rounds.map((round) => ({ ...round, context: contextName(curve) })),
  );
  const plans = curves.flatMap((curve) =>
    curve.pairPlans
      .filter(({ draftTokens }) => draftTokens > 0)
      .map((plan) => ({ ...plan, breakEven: plan.tokens, context: contextName(curve) })),
  );
  const expected = { data: { values: plans }, mark: { type: 'point', filled: true, size: 70 } };
  return renderSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    padding: 12,
    hconcat: [
      panel(curves, { values }, 'ms', 'ms a round'),
      panel(curves, { values }, 'breakEven', 'tokens to break even; points: expected', [expected]),
    ],
    config: pictureConfig,
  } as TopLevelSpec);
}

function panel(
  curves: readonly CostCurve[],
  data: object,
  field: string,
  title: string,
  more: object[] = [],
) {
  const domain = curves.map(contextName);
  const range = domain.map((_, index) => palette[(index + 2) % palette.length]!);
  return {
    width: panelWidth,
    height: panelHeight,
    encoding: {
      x: { field: 'draftTokens', title: 'draft tokens', type: 'quantitative' },
      y: { field, title, type: 'quantitative', scale: { zero: true } },
      color: { field: 'context', title: 'context', type: 'nominal', sort: domain, scale: { domain, range } },
    },
    layer: [{ data, mark: { type: 'line', strokeWidth: 1.8, point: true } }, ...more],
  };
}

const contextName = ({ contextLength }: CostCurve): string => `${contextLength} tokens`;
