// How acceptance differs between tasks, and what bounds it. Knows nothing of models.
import { mean } from 'simple-statistics';
import { acceptanceBounds } from '../../theory/disparity.js';
import { leastAcceptance, meanDivergence } from '../../theory/divergence.js';
import { estimateRatio, type RatioEstimate } from '../ratio-estimate.js';
import type { MeasuredRun } from './method-bench.js';
import type { PositionFacts, Trace } from './trace.js';

/** One task: means over the positions of its texts, at which a round may start. */
export interface TaskReport {
  readonly task: string;
  readonly positions: number;
  /** The probability of accepting a draft token there: the overlap of the two laws. */
  readonly acceptance: number;
  /** Draft tokens that were accepted, of those that were tried; there where a lossless method decides token by token. */
  readonly measured?: RatioEstimate | undefined;
  /** What the divergence leaves of acceptance, by Pinsker's inequality. */
  readonly leastByDivergence: number;
  /** Between what acceptance lies when both models are so far from the truth, which the text is taken to be. */
  readonly bounds: { readonly least: number; readonly most: number };
}

/** What {@link reportTasks} groups; each prompt has as many texts and runs, and their order is that of the prompts, repeated. */
export interface TaskFindings {
  /** [numPrompts] */
  readonly tasks: readonly (string | undefined)[];
  readonly traces: readonly Trace[];
  /** [numMethods]: of lossless methods that decide token by token. */
  readonly runs: readonly (readonly MeasuredRun[])[];
}

/** Tasks in the order of their first prompts; none where there are fewer than two. */
export function reportTasks({ tasks, traces, runs }: TaskFindings): TaskReport[] {
  const names = [...new Set(tasks)];
  if (names.length < 2) return [];
  return names.map((name) => {
    const ofTask = <Item>(all: readonly Item[]): Item[] =>
      all.filter((_, index) => tasks[index % tasks.length] === name);
    const facts = ofTask(traces).flatMap((trace) => trace.facts.slice(0, trace.numStarts));
    return reportTask(name ?? '(no category)', facts, runs.flatMap(ofTask));
  });
}

function reportTask(task: string, facts: readonly PositionFacts[], runs: readonly MeasuredRun[]): TaskReport {
  const meanOf = (figure: (one: PositionFacts) => number): number => mean(facts.map(figure));
  const bounds = facts.map(boundsByText);
  const tried = runs.map(({ acceptedTokens, rejections }) => ({
    over: acceptedTokens,
    under: acceptedTokens + rejections,
  }));
  return {
    task,
    positions: facts.length,
    acceptance: 1 - meanOf(({ totalVariation }) => totalVariation),
    ...(tried.length > 0 && { measured: estimateRatio(tried) }),
    leastByDivergence: leastAcceptance(meanDivergence(facts.map(({ divergence }) => divergence))),
    bounds: { least: mean(bounds.map(({ least }) => least)), most: mean(bounds.map(({ most }) => most)) },
  };
}

/** A law is as far from a text that goes on with a token as it gives to others. */
function boundsByText({ targetProbability, ratio }: PositionFacts): TaskReport['bounds'] {
  return acceptanceBounds(1 - targetProbability, 1 - ratio * targetProbability);
}
