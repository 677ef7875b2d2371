// Vega-Lite pictures as SVG. Knows nothing of what they show.
import type { TopLevelSpec } from 'vega-lite';

/** Tells apart for the colour-blind (Okabe and Ito) on white; the first is for bounds. */
export const palette = [
  '#000000',
  '#777777',
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
] as const;

/** What all pictures look like. */
export const pictureConfig = {
  aria: false,
  font: 'DejaVu Sans, Verdana, Helvetica, Arial, sans-serif',
  axis: { labelFontSize: 12, titleFontSize: 12, gridColor: '#e4e4e4', labelFlush: false },
  legend: {
    orient: 'bottom',
    columns: 2,
    labelFontSize: 12,
    titleFontSize: 12,
    labelLimit: 0,
    symbolSize: 500,
    symbolType: 'stroke',
  },
} as const satisfies TopLevelSpec['config'];

/** Draws a picture; the libraries are loaded when the first one is. */
export async function renderSvg(specification: TopLevelSpec): Promise<string> {
  const [{ parse, View }, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const view = new View(parse(compile(specification).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}
