// All pictures of a report, in their order.
import { acceptanceFigure } from './chart-acceptance.js';
import { costFigure } from './chart-cost.js';
import { disparityFigure } from './chart-disparity.js';
import { overTimeFigure } from './chart-over-time.js';
import { speedupFigure } from './chart-speedup.js';
import { seriesStyles } from './chart-style.js';
import { timeSharesFigure } from './chart-time-shares.js';
import { disparities } from './disparity.js';
import { drawChart, type Chart } from './draw-chart.js';
import type { Figure } from './figure.js';
import { html, Html } from './html.js';
import { methodLabel } from './method-summary.js';
import type { BenchResults } from '../sample.js';
import type { RunSummary } from './summary.js';

/** Those of which there is something to show. */
export function reportFigures(results: BenchResults, summary: RunSummary): readonly Figure[] {
  const methods = seriesStyles([...new Set(results.run.trials.map(methodLabel))]);
  return [
    ...speedupFigure(summary, methods),
    ...acceptanceFigure(summary, methods),
    ...timeSharesFigure(summary),
    ...costFigure(results),
    ...overTimeFigure(results, methods),
    ...disparityFigure(disparities(summary), methods),
  ];
}

/** A figure with its legend and its panels drawn. */
export async function figureHtml({ id, heading, explanation, legend, panels }: Figure): Promise<Html> {
  const drawn: Html[] = [];
  for (const [index, panel] of panels.entries())
    drawn.push(panelHtml(panel, await drawChart(panel, `${id}-${index}`)));
  return html`<section class="figure">
    <h2>${heading}</h2>
    <p>${explanation}</p>
    <ul class="legend">
      ${legend.map(
        ({ name, colour, glyph }) => html`<li><span style="color:${colour}">${glyph}</span> ${name}</li>`,
      )}
    </ul>
    <div class="panels">${drawn}</div>
  </section> `;
}

function panelHtml({ title }: Chart, svg: string): Html {
  return html`<div class="panel">
    <h3>${title}</h3>
    ${new Html(svg)}
  </div>`;
}
