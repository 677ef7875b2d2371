// How unequally workloads and categories are served. Knows nothing of single answers.
import { sum } from 'simple-statistics';
import { disparity, type Disparity } from '../../theory/disparity.js';
import { trialsByMethod } from './method-summary.js';
import type { PairFigures, RunSummary, TrialSummary } from './summary.js';

/** What one task gets. */
export interface TaskFigures {
  readonly task: string;
  readonly speedup: number;
  /** accepted / drafted; null where nothing was drafted. */
  readonly acceptanceRate: number | null;
}

/** How unequally a method serves tasks at a temperature. */
export interface MethodDisparity {
  readonly method: string;
  readonly temperature: number;
  readonly nodes: number | null;
  /** What the tasks are: `workloads`, or `categories of` one. */
  readonly over: string;
  /** At least two, the fastest first. */
  readonly tasks: readonly TaskFigures[];
  readonly speedup: Disparity;
  /** null where nothing was drafted for one of them, or nothing accepted for any. */
  readonly acceptanceRate: Disparity | null;
}

/**
 * Of each method and temperature, over its workloads and over the categories of each of them, where there are two or more
 * that were measured.
 * @see Sandler et al., arXiv:2510.02128
 */
export function disparities(summary: RunSummary): readonly MethodDisparity[] {
  return trialsByMethod(summary).flatMap((trials) => [
    ...disparityOver(
      'workloads',
      trials[0]!,
      tasksOf(trials, ({ trial }) => trial.workload),
    ),
    ...trials.flatMap((trial) =>
      disparityOver(
        `categories of ${trial.trial.workload}`,
        trial,
        tasksOf(trial.categories, ({ category }) => category),
      ),
    ),
  ]);
}

function tasksOf<Figures extends PairFigures>(
  figures: readonly Figures[],
  nameOf: (figures: Figures) => string,
): TaskFigures[] {
  return figures.flatMap((task) =>
    task.decoding === null
      ? []
      : [
          {
            task: nameOf(task),
            speedup: task.decoding.speedup,
            acceptanceRate: task.acceptanceRate,
          },
        ],
  );
}

function disparityOver(
  over: string,
  { trial: { method, temperature, nodes } }: TrialSummary,
  tasks: readonly TaskFigures[],
): MethodDisparity[] {
  if (tasks.length < 2) return [];
  const rates = tasks.flatMap(({ acceptanceRate }) => acceptanceRate ?? []);
  return [
    {
      ...{ method, temperature, nodes, over },
      tasks: tasks.toSorted((one, other) => other.speedup - one.speedup),
      speedup: disparity(tasks.map(({ speedup }) => speedup)),
      acceptanceRate: rates.length === tasks.length && sum(rates) > 0 ? disparity(rates) : null,
    },
  ];
}
