// The picture of where time goes: a bar a trial, stacked.
import { sum } from 'simple-statistics';
import type { TimeShares } from './acceptance-figures.js';
import { plotWidth, quietStyle, seriesColour, seriesStyles, type SeriesStyle } from './chart-style.js';
import { figureOf, type Figure } from './figure.js';
import { formatShare } from './format-figure.js';
import { grouped } from './grouped.js';
import { methodLabel } from './method-summary.js';
import type { RunSummary } from './summary.js';

const parts: readonly (keyof TimeShares)[] = ['draft', 'decode', 'verify', 'overhead'];
const legend: readonly SeriesStyle[] = [
  ...seriesStyles(parts.slice(0, -1)),
  { ...quietStyle, name: 'overhead' },
].map((style) => ({ ...style, glyph: '\u25a0' }));
const barHeight = 20;

interface ShareRow {
  readonly bar: string;
  readonly temperature: number;
  readonly series: string;
  readonly from: number;
  readonly to: number;
  readonly tip: string;
}

/** Shares of drafting, decoding, verifying and the rest, a panel a temperature. */
export function timeSharesFigure({ trials }: RunSummary): readonly Figure[] {
  const rows = trials.flatMap(({ trial, timeShares: shares }) =>
    shares === null
      ? []
      : parts.map((series, index): ShareRow => {
          const bar = `${trial.workload}, ${methodLabel(trial)}`;
          const from = sum(parts.slice(0, index).map((part) => shares[part]));
          const to = Math.min(1, from + shares[series]);
          return {
            ...{ bar, temperature: trial.temperature, series, from, to },
            tip: `${bar}: ${series} ${formatShare(shares[series])}`,
          };
        }),
  );
  return figureOf({
    id: 'time-shares',
    heading: 'Where the time goes',
    explanation:
      "Shares of the method's rounds: drafting, decoding by the target, the acceptance rule, and everything else.",
    legend,
    panels: [...grouped(rows, ({ temperature }) => String(temperature))].map(([temperature, some]) => ({
      title: `temperature ${temperature}`,
      description: `Shares of time at temperature ${temperature}: ${some.map(({ tip }) => tip).join('; ')}.`,
      spec: panel(some),
    })),
  });
}

function panel(rows: readonly ShareRow[]) {
  const bars = [...new Set(rows.map(({ bar }) => bar))];
  return {
    width: plotWidth - 40,
    height: bars.length * barHeight,
    data: { values: rows },
    mark: { type: 'bar', height: barHeight - 6 },
    encoding: {
      y: {
        field: 'bar',
        type: 'nominal',
        title: null,
        scale: { domain: bars },
        axis: { ticks: false, domain: false, labelLimit: 260, labelOverlap: false },
      },
      x: {
        field: 'from',
        type: 'quantitative',
        title: 'share of the time',
        scale: { domain: [0, 1] },
        axis: { format: '.0%', grid: false, values: [0, 0.25, 0.5, 0.75, 1] },
      },
      x2: { field: 'to' },
      color: seriesColour(legend),
      description: { field: 'tip' },
    },
  };
}
