// The columns of the reports' tables, whatever they are written in.
import type { MethodDisparity } from './disparity.js';
import {
  formatLikeness,
  formatRate,
  formatRatio,
  formatShare,
  formatSpeedup,
  formatSpread,
  noFigure,
} from './format-figure.js';
import { methodLabel } from './method-summary.js';
import type { SpeedFigures } from './speed-figures.js';
import type { CategoryFigures, PairFigures, TrialSummary } from './summary.js';

/** A column: what stands above it, and in each row. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

/** A trial's category beside the trial. */
export interface CategoryRow extends CategoryFigures {
  readonly of: TrialSummary;
}

const workload: Column<TrialSummary> = { title: 'workload', cell: ({ trial }) => trial.workload };
const method: Column<TrialSummary> = {
  title: 'method',
  cell: ({ trial, isSynthetic, isLossless }) =>
    [
      methodLabel(trial),
      isSynthetic && !/synthetic/.test(trial.method) ? ' (synthetic)' : '',
      isLossless ? '' : ' (lossy)',
    ].join(''),
};
const temperature: Column<TrialSummary> = {
  title: 'temp.',
  cell: ({ trial }) => String(trial.temperature),
};
const acceptanceLength: Column<PairFigures> = {
  title: 'tokens a round',
  cell: ({ meanAcceptanceLength }) => formatRatio(meanAcceptanceLength),
};
const accepted: Column<PairFigures> = {
  title: 'accepted',
  cell: ({ acceptanceRate }) => formatShare(acceptanceRate),
};
const acceptedTokens: Column<PairFigures> = {
  title: 'mean accepted tokens',
  cell: ({ meanAcceptedTokens }) => formatRatio(meanAcceptedTokens),
};
const firstToken: Column<PairFigures> = {
  title: 'first token',
  cell: ({ firstTokenRatio }) => formatRatio(firstTokenRatio),
};
const sameAsPlain: Column<TrialSummary> = { title: 'same as plain', cell: formatLikeness };
const rightAnswers: Column<PairFigures> = { title: 'right: plain, method', cell: formatAccuracy };

const decoding = ({ decoding }: PairFigures): SpeedFigures | null => decoding;
const specBench = ({ specBench }: PairFigures): SpeedFigures | null => specBench;

/** What stands in the place of a speedup where there is none. */
const refusals: Readonly<Record<TrialSummary['status'], string>> = {
  measured: noFigure,
  mismatch: 'refused',
  failed: 'failed',
  'not measured': noFigure,
};

/** Tokens/s of both sides, in the column's words, and how they compare. */
function speedColumns<Row extends PairFigures>(
  speedsOf: (row: Row) => SpeedFigures | null,
  format: (rate: SpeedFigures['plain']) => string,
  refusal: (row: Row) => string,
): readonly Column<Row>[] {
  const side = (of: 'plain' | 'method') => (row: Row) => {
    const speeds = speedsOf(row);
    return speeds === null ? noFigure : format(speeds[of]);
  };
  return [
    { title: 'plain tokens/s', cell: side('plain') },
    { title: 'tokens/s', cell: side('method') },
    {
      title: 'speedup',
      cell: (row) => {
        const speeds = speedsOf(row);
        return speeds === null ? refusal(row) : formatSpeedup(speeds);
      },
    },
  ];
}

const meanOnly = ({ mean }: SpeedFigures['plain']): string => formatRate(mean);
const refusalOf = ({ status }: TrialSummary): string => refusals[status];

/** What fits a terminal: right answers only where speed may have been bought with them, or another program gave them. */
export function briefColumns(trials: readonly TrialSummary[]): readonly Column<TrialSummary>[] {
  const isInDoubt = trials.some(
    ({ isLossless, isPeer, accuracy }) => (!isLossless || isPeer) && accuracy !== null,
  );
  return [
    ...[workload, method, temperature],
    ...speedColumns<TrialSummary>(decoding, meanOnly, refusalOf),
    ...[acceptanceLength, firstToken, sameAsPlain],
    ...(isInDoubt ? [rightAnswers] : []),
  ];
}

/** The same with standard deviations, acceptance, accuracy and numbers of answers. */
export const trialColumns: readonly Column<TrialSummary>[] = [
  ...[workload, method, temperature],
  ...speedColumns<TrialSummary>(decoding, formatSpread, refusalOf),
  ...[acceptanceLength, accepted, firstToken, sameAsPlain],
  rightAnswers,
  {
    title: 'answers',
    cell: ({ numPairs, numExpected }) =>
      numExpected === null || numPairs === numExpected ? String(numPairs) : `${numPairs} of ${numExpected}`,
  },
];

const trialOfCategory: readonly Column<CategoryRow>[] = [
  ...[workload, method, temperature].map(({ title, cell }) => ({
    title,
    cell: ({ of }: CategoryRow) => cell(of),
  })),
  { title: 'category', cell: ({ category }) => category },
];

/** Each category of each trial. */
export const categoryColumns: readonly Column<CategoryRow>[] = [
  ...trialOfCategory,
  ...speedColumns<CategoryRow>(decoding, formatSpread, ({ of }) => refusals[of.status]),
  ...[acceptanceLength, accepted, rightAnswers],
];

/** Figures that can be held against published tables of Spec-Bench. */
export const specBenchColumns: readonly Column<TrialSummary>[] = [
  ...[workload, method, temperature],
  ...speedColumns<TrialSummary>(specBench, formatSpread, refusalOf),
  acceptedTokens,
];

/** The same of each category of each trial. */
export const specBenchCategoryColumns: readonly Column<CategoryRow>[] = [
  ...trialOfCategory,
  ...speedColumns<CategoryRow>(specBench, formatSpread, ({ of }) => refusals[of.status]),
  acceptedTokens,
];

/** How unequally tasks are served. */
export const disparityColumns: readonly Column<MethodDisparity>[] = [
  { title: 'method', cell: methodLabel },
  { title: 'temp.', cell: ({ temperature }) => String(temperature) },
  { title: 'over', cell: ({ over, tasks }) => (over === 'workloads' ? `${tasks.length} workloads` : over) },
  { title: 'most', cell: ({ tasks }) => taskCell(tasks[0]!) },
  { title: 'least', cell: ({ tasks }) => taskCell(tasks.at(-1)!) },
  ...(['speedup', 'acceptanceRate'] as const).flatMap((figure) => {
    const of = figure === 'speedup' ? 'speedup' : 'acceptance';
    const column = (title: string, spread: 'minMaxRatio' | 'variance' | 'gini', digits: number) => ({
      title: `${of}: ${title}`,
      cell: (row: MethodDisparity) => row[figure]?.[spread].toFixed(digits) ?? noFigure,
    });
    return [
      column('min / max', 'minMaxRatio', 2),
      column('variance', 'variance', 3),
      column('Gini', 'gini', 3),
    ];
  }),
];

/** Categories of all trials that have several. */
export function categoryRows(trials: readonly TrialSummary[]): readonly CategoryRow[] {
  return trials.flatMap((of) => of.categories.map((category) => ({ ...category, of })));
}

/** Titles and then rows, as cells. */
export function tableCells<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): readonly (readonly string[])[] {
  return [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
}

function formatAccuracy({ accuracy }: PairFigures): string {
  return accuracy === null
    ? noFigure
    : `${formatShare(accuracy.plain)}, ${formatShare(accuracy.method)} of ${accuracy.numChecked}`;
}

function taskCell({ task, speedup }: MethodDisparity['tasks'][number]): string {
  return `${task} (${formatRatio(speedup)})`;
}
