// The picture of what it costs to check drafts by their size.
import { plotWidth, seriesColour, seriesShape, seriesStyles, type SeriesStyle } from './chart-style.js';
import { figureOf, type Figure } from './figure.js';
import { grouped } from './grouped.js';
import { methodLabel } from './method-summary.js';
import { trialName, type BenchResults, type TrialHead } from '../sample.js';

interface CostRow {
  readonly series: string;
  readonly numNodes: number;
  readonly ms: number;
  readonly tip: string;
}

/** Milliseconds of checking drafts by their size, a line a length of context, a panel a method. */
export function costFigure({ run, trials }: BenchResults): readonly Figure[] {
  const curves = grouped(
    run.trials.flatMap((trial) => {
      const cost = trials.get(trialName(trial))?.cost ?? [];
      return cost.length === 0 ? [] : [{ method: methodLabel(trial), rows: rowsOf(cost) }];
    }),
    ({ method }) => method,
  );
  // A method's trials share the machine and the models; the first one stands for all.
  const firsts = [...curves].map(([method, [first]]) => ({ method, rows: first!.rows }));
  const legend = seriesStyles([...new Set(firsts.flatMap(({ rows }) => rows.map(({ series }) => series)))]);
  return figureOf({
    id: 'cost',
    heading: 'What checking costs',
    explanation:
      'Milliseconds that the target takes to check so many draft tokens at once, as the guard knows them; 0 is plain decoding. Speculation pays where the lines are flat.',
    legend,
    panels: firsts.map(({ method, rows }) => ({
      title: method,
      description: `Milliseconds of checking drafts of ${method}: ${rows.map(({ tip }) => tip).join('; ')}.`,
      spec: panel(rows, legend),
    })),
  });
}

function rowsOf(cost: TrialHead['cost']): readonly CostRow[] {
  return cost.map(({ numNodes, contextLength, ms }) => ({
    series: `after ${contextLength} tokens`,
    ...{ numNodes, ms },
    tip: `${numNodes} draft tokens after ${contextLength} tokens: ${ms.toFixed(2)} ms`,
  }));
}

function panel(rows: readonly CostRow[], legend: readonly SeriesStyle[]) {
  const encoding = {
    x: {
      field: 'numNodes',
      type: 'quantitative',
      title: 'draft tokens',
      axis: { tickMinStep: 1, grid: false, format: 'd' },
    },
    y: { field: 'ms', type: 'quantitative', title: 'ms', scale: { zero: true } },
    color: seriesColour(legend),
  };
  return {
    width: plotWidth,
    height: 180,
    data: { values: rows },
    layer: [
      { mark: { type: 'line', strokeWidth: 1.8, aria: false }, encoding },
      {
        mark: { type: 'point', filled: true, opacity: 1, size: 40 },
        encoding: { ...encoding, shape: seriesShape(legend), description: { field: 'tip' } },
      },
    ],
  };
}
