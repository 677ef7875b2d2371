// A run as one object for other programs.
import { disparities } from './disparity.js';
import { summarizeMethods } from './method-summary.js';
import type { RunSummary } from './summary.js';

/** `{run, isComplete, trials, methods, disparities}` as one line of JSON; figures that are not known are null. */
export function jsonReport(summary: RunSummary): string {
  return JSON.stringify({
    ...summary,
    methods: summarizeMethods(summary),
    disparities: disparities(summary),
  });
}
