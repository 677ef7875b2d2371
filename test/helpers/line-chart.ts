// Draws lines over a few numbers of something as an SVG picture for the documents. Knows nothing of what they show.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { palette, pictureConfig, renderSvg } from '../../src/bench/picture.js';

/** A column of the rows and what the picture calls it. */
export interface ChartField {
  readonly field: string;
  readonly title: string;
}

/** One picture: a point a row, a line a colour, a panel a facet. */
export interface LineChart {
  readonly title: string;
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  readonly x: ChartField;
  /** Each panel has its own range. */
  readonly y: ChartField;
  /** Of the power scale of y: above 1 spreads large values; default 1. */
  readonly yExponent?: number;
  /** Lines, in the order in which the rows first name them. */
  readonly colour: ChartField;
  /** Lines that are broken: bounds rather than measurements. */
  readonly dashed?: readonly string[];
  /** Panels side by side, in the order in which the rows first name them. */
  readonly facet?: ChartField;
  /** Dots where the rows lie, default true. */
  readonly hasDots?: boolean;
  /** Where the SVG goes; folders are made. */
  readonly path: string;
}

const [panelWidth, panelHeight] = [370, 400];

/** Writes the picture. */
export async function writeLineChart(chart: LineChart): Promise<void> {
  const svg = await renderSvg(specification(chart));
  mkdirSync(dirname(chart.path), { recursive: true });
  writeFileSync(chart.path, `${svg}\n`);
}

function specification(chart: LineChart): TopLevelSpec {
  const { title, rows, x, y, yExponent = 1, colour, facet, dashed = [], hasDots = true } = chart;
  const lines = distinct(rows.map((row) => String(row[colour.field])));
  const perLine = <T>(style: (line: string, index: number) => T) => ({
    ...colour,
    type: 'nominal' as const,
    sort: lines,
    scale: { domain: lines, range: lines.map(style) },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: title, anchor: 'start', fontSize: 15, offset: 14 },
    background: 'white',
    padding: 12,
    data: { values: rows.map((row) => ({ ...row })) },
    width: panelWidth,
    height: panelHeight,
    mark: { type: 'line', ...(hasDots && { point: { size: 24 } }), strokeWidth: hasDots ? 1.8 : 0.8 },
    encoding: {
      x: {
        ...x,
        type: 'quantitative',
        scale: { zero: false, nice: false, padding: 12 },
        axis: { tickMinStep: 1, grid: false, format: 'd' },
      },
      y: {
        ...y,
        type: 'quantitative',
        scale: { type: 'pow', exponent: yExponent, zero: false },
        axis: { labelOverlap: 'greedy' },
      },
      color: perLine((_, index) => palette[index % palette.length]!),
      strokeDash: perLine((line) => (dashed.includes(line) ? [6, 4] : [1, 0])),
      ...(facet && {
        column: {
          ...facet,
          title: null,
          type: 'nominal',
          sort: distinct(rows.map((row) => String(row[facet.field]))),
          header: { labelFontSize: 13, labelFontWeight: 'bold' },
        },
      }),
    },
    ...(facet && { resolve: { scale: { y: 'independent' } } }),
    config: pictureConfig,
  };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
