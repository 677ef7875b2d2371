// The picture of speed over the run: what a machine that grows hot or busy does to it.
import { quietStyle, seriesColour, seriesShape, shownStyles, type SeriesStyle } from './chart-style.js';
import { figureOf, type Figure } from './figure.js';
import { formatRate } from './format-figure.js';
import { methodLabel } from './method-summary.js';
import { trialName, type BenchResults } from '../sample.js';
import { decodeSpeed } from './speed-figures.js';

interface TimeRow {
  readonly series: string;
  readonly minute: number;
  readonly tokensPerSecond: number;
  readonly tip: string;
}

const plainName = 'plain decoding';
/** More points say no more, and make the page heavy. */
const maxPoints = 1500;
const msPerMinute = 60_000;

/** Tokens/s of single answers of both sides by the time they were given. */
export function overTimeFigure(
  { run, samples }: BenchResults,
  methods: readonly SeriesStyle[],
): readonly Figure[] {
  const labels = new Map(run.trials.map((trial) => [trialName(trial), methodLabel(trial)]));
  const rows = samples.flatMap((sample): TimeRow[] => {
    const tokensPerSecond = decodeSpeed(sample);
    const label = labels.get(sample.trial);
    if (tokensPerSecond === null || label === undefined) return [];
    const series = sample.side === 'plain' ? plainName : label;
    const minute = sample.at / msPerMinute;
    return [
      {
        ...{ series, minute, tokensPerSecond },
        tip: `${series}, ${sample.trial}, prompt ${sample.prompt}: ${formatRate(tokensPerSecond)} tokens/s`,
      },
    ];
  });
  const legend = [{ ...quietStyle, name: plainName }, ...shownStyles(methods, rows)];
  const panels =
    rows.length === 0
      ? []
      : [
          {
            title: 'all answers',
            description: `Tokens/s of ${rows.length} answers by the minute of the run.`,
            spec: panel(thinned(rows), legend),
          },
        ];
  return figureOf({
    id: 'over-time',
    heading: 'Speed over the run',
    explanation: `Each point is an answer. Where ${plainName} drifts, the machine did: it grew hot, or busy with something else.${
      rows.length > maxPoints ? ` Of ${rows.length} answers, every ${stride(rows)}th pair is shown.` : ''
    }`,
    ...{ legend, panels },
  });
}

function stride(rows: readonly TimeRow[]): number {
  return Math.max(1, Math.ceil(rows.length / maxPoints));
}

/** Keeps both sides of the answers that stay. */
function thinned(rows: readonly TimeRow[]): readonly TimeRow[] {
  const every = stride(rows);
  return rows.filter((_, index) => Math.floor(index / 2) % every === 0);
}

function panel(rows: readonly TimeRow[], legend: readonly SeriesStyle[]) {
  return {
    width: 420,
    height: 220,
    data: { values: rows },
    mark: { type: 'point', filled: true, opacity: 0.75, size: 22 },
    encoding: {
      x: {
        field: 'minute',
        type: 'quantitative',
        title: 'minutes since the run began',
        axis: { grid: false },
      },
      y: { field: 'tokensPerSecond', type: 'quantitative', title: 'tokens/s', scale: { zero: true } },
      color: seriesColour(legend),
      shape: seriesShape(legend),
      description: { field: 'tip' },
    },
  };
}
