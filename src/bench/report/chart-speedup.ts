// The picture of speedups: a point a trial, with its interval.
import { plotWidth, seriesColour, seriesShape, shownStyles, type SeriesStyle } from './chart-style.js';
import { figureOf, type Figure } from './figure.js';
import { formatSpeedup } from './format-figure.js';
import { grouped } from './grouped.js';
import { methodLabel } from './method-summary.js';
import type { RunSummary } from './summary.js';

interface SpeedupRow {
  readonly workload: string;
  readonly series: string;
  readonly temperature: number;
  readonly speedup: number;
  readonly low: number;
  readonly high: number;
  readonly tip: string;
}

/** Pixels of a workload's band: for each method, and between workloads. */
const [rowHeight, rowGap] = [13, 10];

/** Speedup of each workload by method, a panel a temperature. */
export function speedupFigure({ trials }: RunSummary, methods: readonly SeriesStyle[]): readonly Figure[] {
  const rows = trials.flatMap(({ trial, decoding }): SpeedupRow[] => {
    if (decoding === null) return [];
    const { speedup, interval } = decoding;
    const series = methodLabel(trial);
    return [
      {
        ...{ workload: trial.workload, series, temperature: trial.temperature, speedup },
        ...(interval ?? { low: speedup, high: speedup }),
        tip: `${trial.workload}, ${series}: ${formatSpeedup(decoding)}`,
      },
    ];
  });
  const legend = shownStyles(methods, rows);
  const domain = [
    Math.min(0.9, ...rows.map(({ low }) => low)),
    Math.max(1.1, ...rows.map(({ high }) => high)),
  ];
  const panels = [...grouped(rows, ({ temperature }) => String(temperature))].map(([temperature, some]) => ({
    title: `temperature ${temperature}`,
    description: `Speedup at temperature ${temperature}: ${some.map(({ tip }) => tip).join('; ')}.`,
    spec: panel(some, legend, domain),
  }));
  return figureOf({
    id: 'speedup',
    heading: 'Speedup',
    explanation:
      'How many times as fast as plain decoding each method is, with 95 % intervals. Left of the line at 1 it is slower.',
    ...{ legend, panels },
  });
}

function panel(rows: readonly SpeedupRow[], legend: readonly SeriesStyle[], domain: readonly number[]) {
  const workloads = [...new Set(rows.map(({ workload }) => workload))];
  const x = {
    type: 'quantitative',
    title: 'speedup',
    scale: { domain, nice: true, zero: false },
    axis: { tickCount: 6 },
  };
  const shared = {
    y: {
      field: 'workload',
      type: 'nominal',
      title: null,
      scale: { domain: workloads, paddingInner: 0, paddingOuter: 0 },
      axis: { grid: true, tickBand: 'extent', ticks: false, labelLimit: 180 },
    },
    yOffset: {
      field: 'series',
      type: 'nominal',
      scale: { domain: legend.map(({ name }) => name), paddingOuter: 0.5 },
    },
    color: seriesColour(legend),
  };
  return {
    width: plotWidth,
    height: workloads.length * (legend.length * rowHeight + rowGap),
    data: { values: rows },
    layer: [
      { mark: { type: 'rule', color: '#222222', aria: false }, encoding: { x: { ...x, datum: 1 } } },
      {
        mark: { type: 'rule', strokeWidth: 2, aria: false },
        encoding: { ...shared, x: { ...x, field: 'low' }, x2: { field: 'high' } },
      },
      {
        mark: { type: 'point', filled: true, opacity: 1, size: 55 },
        encoding: {
          ...shared,
          x: { ...x, field: 'speedup' },
          shape: seriesShape(legend),
          description: { field: 'tip' },
        },
      },
    ],
  };
}
