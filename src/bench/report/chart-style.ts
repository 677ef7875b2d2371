// How the report's pictures look. Knows nothing of what they show.
import type { Config } from 'vega-lite';
import { palette } from '../picture.js';

/** One series of a picture, as points, lines and the legend show it. */
export interface SeriesStyle {
  readonly name: string;
  readonly colour: string;
  /** Of points, so that series differ without colour. */
  readonly shape: string;
  /** The shape as a character. */
  readonly glyph: string;
}

/** Those for bounds and for plain decoding left out. */
const colours = palette.slice(2);
const shapes = [
  ['circle', '\u25cf'],
  ['square', '\u25a0'],
  ['triangle-up', '\u25b2'],
  ['diamond', '\u25c6'],
  ['triangle-down', '\u25bc'],
  ['cross', '\u271a'],
  ['triangle-right', '\u25b6'],
] as const;

/** What stands behind others: plain decoding, overhead. */
export const quietStyle = { colour: palette[1], shape: 'circle', glyph: '\u25cf' } as const;
/** Width in pixels of what is drawn between a panel's axes. */
export const plotWidth = 250;

/** A style for each name. Colours repeat after six and shapes after seven, so that forty-two series differ. */
export function seriesStyles(names: readonly string[]): readonly SeriesStyle[] {
  return names.map((name, index) => {
    const [shape, glyph] = shapes[index % shapes.length]!;
    return { name, colour: colours[index % colours.length]!, shape, glyph };
  });
}

/** Those of the styles that are shown; a method looks the same in all pictures. */
export function shownStyles(
  styles: readonly SeriesStyle[],
  rows: readonly { readonly series: string }[],
): readonly SeriesStyle[] {
  const shown = new Set(rows.map(({ series }) => series));
  return styles.filter(({ name }) => shown.has(name));
}

/** Colours of points, lines and bars by the field `series`; the legend stands beside the pictures. */
export function seriesColour(styles: readonly SeriesStyle[]) {
  const domain = styles.map(({ name }) => name);
  return {
    field: 'series',
    type: 'nominal' as const,
    scale: { domain, range: styles.map(({ colour }) => colour) },
    legend: null,
  };
}

/** Shapes of points by the field `series`. */
export function seriesShape(styles: readonly SeriesStyle[]) {
  const domain = styles.map(({ name }) => name);
  return {
    field: 'series',
    type: 'nominal' as const,
    scale: { domain, range: styles.map(({ shape }) => shape) },
    legend: null,
  };
}

/** Fonts, grid and sizes of all pictures. */
export const chartConfig: Config = {
  font: 'system-ui, "DejaVu Sans", Verdana, Helvetica, Arial, sans-serif',
  background: 'white',
  view: { stroke: null },
  axis: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelColor: '#222222',
    titleColor: '#222222',
    gridColor: '#e4e4e4',
    domainColor: '#888888',
    tickColor: '#888888',
    labelOverlap: 'greedy',
    labelFlush: false,
  },
};
