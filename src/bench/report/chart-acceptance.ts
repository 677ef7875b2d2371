// The picture of acceptance by position: lines by depth of the draft token.
import { plotWidth, seriesColour, seriesShape, shownStyles, type SeriesStyle } from './chart-style.js';
import { figureOf, type Figure } from './figure.js';
import { formatShare } from './format-figure.js';
import { grouped } from './grouped.js';
import { methodLabel } from './method-summary.js';
import type { RunSummary } from './summary.js';

interface PositionRow {
  readonly workload: string;
  readonly series: string;
  readonly temperature: string;
  readonly position: number;
  readonly share: number;
  readonly tip: string;
}

/** Lines of temperatures, in the order in which these first come. */
const dashes = [
  [1, 0],
  [5, 3],
  [2, 2],
  [8, 3, 2, 3],
] as const;

/** How often the draft token at each depth is accepted, a panel a workload. */
export function acceptanceFigure({ trials }: RunSummary, methods: readonly SeriesStyle[]): readonly Figure[] {
  const rows = trials.flatMap(({ trial, acceptedPerPosition }) =>
    acceptedPerPosition.map((share, index): PositionRow => {
      const series = methodLabel(trial);
      return {
        ...{ workload: trial.workload, series, temperature: String(trial.temperature) },
        ...{ position: index + 1, share },
        tip: `${series}, temperature ${trial.temperature}, position ${index + 1}: ${formatShare(share)}`,
      };
    }),
  );
  const legend = shownStyles(methods, rows);
  const temperatures = [...new Set(rows.map(({ temperature }) => temperature))];
  const panels = [...grouped(rows, ({ workload }) => workload)].map(([workload, some]) => ({
    title: workload,
    description: `Share of draft tokens accepted by position, ${workload}: ${some.map(({ tip }) => tip).join('; ')}.`,
    spec: panel(some, legend, temperatures),
  }));
  return figureOf({
    id: 'acceptance',
    heading: 'Acceptance by position',
    explanation: `Share of the rounds that drafted so deep in which the draft token at this depth was accepted.${temperatureKey(temperatures)}`,
    ...{ legend, panels },
  });
}

function temperatureKey(temperatures: readonly string[]): string {
  if (temperatures.length < 2) return '';
  const [first, ...others] = temperatures;
  return ` Solid lines: temperature ${first}; broken lines: ${others.join(', ')}.`;
}

function panel(
  rows: readonly PositionRow[],
  legend: readonly SeriesStyle[],
  temperatures: readonly string[],
) {
  const encoding = {
    x: {
      field: 'position',
      type: 'quantitative',
      title: 'position in the draft',
      scale: { zero: false, nice: false, padding: 10 },
      axis: { tickMinStep: 1, grid: false, format: 'd' },
    },
    y: {
      field: 'share',
      type: 'quantitative',
      title: 'accepted',
      scale: { domain: [0, 1] },
      axis: { format: '.0%' },
    },
    color: seriesColour(legend),
  };
  const strokeDash = {
    field: 'temperature',
    type: 'nominal',
    scale: { domain: temperatures, range: temperatures.map((_, index) => dashes[index % dashes.length]) },
    legend: null,
  };
  return {
    width: plotWidth,
    height: 180,
    data: { values: rows },
    layer: [
      { mark: { type: 'line', strokeWidth: 1.8, aria: false }, encoding: { ...encoding, strokeDash } },
      {
        mark: { type: 'point', filled: true, opacity: 1, size: 40 },
        encoding: { ...encoding, shape: seriesShape(legend), description: { field: 'tip' } },
      },
    ],
  };
}
