// A picture of several panels with one legend.
import type { SeriesStyle } from './chart-style.js';
import type { Chart } from './draw-chart.js';

/** What the report shows under one heading. */
export interface Figure {
  /** Unique in the report, of letters and dashes. */
  readonly id: string;
  readonly heading: string;
  /** What is to be seen and how to read it. */
  readonly explanation: string;
  readonly legend: readonly SeriesStyle[];
  /** At least one. */
  readonly panels: readonly Chart[];
}

/** A figure, or nothing where there is nothing to show. */
export function figureOf(figure: Figure): readonly Figure[] {
  return figure.panels.length === 0 ? [] : [figure];
}
