// What a method brings over all workloads. Knows nothing of single answers.
import { geometricMean } from 'simple-statistics';
import { grouped } from './grouped.js';
import type { RunSummary, TrialSummary } from './summary.js';

/** A method at a temperature, over all workloads. */
export interface MethodSummary {
  readonly method: string;
  readonly temperature: number;
  readonly nodes: number | null;
  readonly isLossless: boolean;
  readonly isSynthetic: boolean;
  /** Of its trials, all of them and those with speeds. */
  readonly numTrials: number;
  readonly numMeasured: number;
  /** Geometric mean of the speedups over workloads; null where none was measured. */
  readonly speedup: number | null;
  /** Workloads with the smallest and the largest speedup; null where none was measured. */
  readonly least: WorkloadSpeedup | null;
  readonly most: WorkloadSpeedup | null;
}

/** What one workload gains. */
export interface WorkloadSpeedup {
  readonly workload: string;
  readonly speedup: number;
}

/** A method's name with its number of draft tokens, where it was asked for. */
export function methodLabel({ method, nodes }: Pick<MethodSummary, 'method' | 'nodes'>): string {
  return nodes === null ? method : `${method}, ${nodes} nodes`;
}

/** Trials of each method and temperature, in the order of the plan. */
export function trialsByMethod({ trials }: RunSummary): readonly (readonly TrialSummary[])[] {
  return [
    ...grouped(trials, ({ trial: { method, temperature, nodes } }) =>
      JSON.stringify([method, temperature, nodes]),
    ).values(),
  ];
}

/** What each method brings at each temperature, in the order of the plan. */
export function summarizeMethods(summary: RunSummary): readonly MethodSummary[] {
  return trialsByMethod(summary).map((trials) => {
    const { method, temperature, nodes } = trials[0]!.trial;
    const speedups = trials.flatMap(({ trial: { workload }, decoding }): WorkloadSpeedup[] =>
      decoding === null ? [] : [{ workload, speedup: decoding.speedup }],
    );
    speedups.sort((one, other) => one.speedup - other.speedup);
    return {
      ...{ method, temperature, nodes },
      isLossless: trials.every(({ isLossless }) => isLossless),
      isSynthetic: trials.some(({ isSynthetic }) => isSynthetic),
      numTrials: trials.length,
      numMeasured: speedups.length,
      speedup: speedups.length === 0 ? null : geometricMean(speedups.map(({ speedup }) => speedup)),
      least: speedups[0] ?? null,
      most: speedups.at(-1) ?? null,
    };
  });
}
