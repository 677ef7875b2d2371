// The picture of disparity: what is accepted of a task's drafts, and what the task gains.
import type { MethodDisparity } from './disparity.js';
import { plotWidth, seriesColour, seriesShape, shownStyles, type SeriesStyle } from './chart-style.js';
import { figureOf, type Figure } from './figure.js';
import { formatRatio, formatShare } from './format-figure.js';
import { grouped } from './grouped.js';
import { methodLabel } from './method-summary.js';

interface TaskRow {
  readonly panel: string;
  readonly series: string;
  readonly acceptance: number;
  readonly speedup: number;
  readonly tip: string;
}

/** Speedup of tasks by their acceptance, a panel for the workloads at each temperature and the categories of each. */
export function disparityFigure(
  disparities: readonly MethodDisparity[],
  methods: readonly SeriesStyle[],
): readonly Figure[] {
  const rows = disparities.flatMap((disparity) =>
    disparity.tasks.flatMap(({ task, speedup, acceptanceRate: acceptance }): TaskRow[] =>
      acceptance === null
        ? []
        : [
            {
              panel: `${disparity.over}, temperature ${disparity.temperature}`,
              series: methodLabel(disparity),
              ...{ acceptance, speedup },
              tip: `${task}, ${methodLabel(disparity)}: ${formatShare(acceptance)} accepted, speedup ${formatRatio(speedup)}`,
            },
          ],
    ),
  );
  const legend = shownStyles(methods, rows);
  return figureOf({
    id: 'disparity',
    heading: 'Who gains how much',
    explanation:
      "Each point is a workload or a category: how much of its drafts is accepted, and what it gains. The wider a method's points lie apart, the less equally it serves.",
    legend,
    panels: [...grouped(rows, ({ panel }) => panel)].map(([title, some]) => ({
      title,
      description: `Acceptance and speedup of ${title}: ${some.map(({ tip }) => tip).join('; ')}.`,
      spec: panelOf(some, legend),
    })),
  });
}

function panelOf(rows: readonly TaskRow[], legend: readonly SeriesStyle[]) {
  return {
    width: plotWidth,
    height: 200,
    data: { values: rows },
    mark: { type: 'point', filled: true, opacity: 1, size: 55 },
    encoding: {
      x: {
        field: 'acceptance',
        type: 'quantitative',
        title: 'draft tokens accepted',
        scale: { domain: [0, 1] },
        axis: { format: '.0%', grid: false, values: [0, 0.25, 0.5, 0.75, 1] },
      },
      y: {
        field: 'speedup',
        type: 'quantitative',
        title: 'speedup',
        scale: { zero: false, padding: 10 },
        axis: { format: '.2f', tickCount: 6 },
      },
      color: seriesColour(legend),
      shape: seriesShape(legend),
      description: { field: 'tip' },
    },
  };
}
