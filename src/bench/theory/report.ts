// What a comparison of theory and measurement found, as plain data.
import { mean } from 'simple-statistics';
import type { RoundCost } from '../../cost/round-cost.js';
import { bestDraftSize, type DraftSize } from '../../theory/best-draft.js';
import { leastAcceptance, meanDivergence } from '../../theory/divergence.js';
import { expectedTokensBySurvival } from '../../theory/expected-tokens.js';
import type { ParetoPoint } from '../../theory/pareto-line.js';
import { widthBound } from '../../theory/width-bound.js';
import { estimateQuotient, estimateRatio, type RatioEstimate } from '../ratio-estimate.js';
import type { MeasuredRun } from './method-bench.js';
import { predictChain, type PredictedRounds } from './predict-chain.js';
import type { SiblingAcceptance } from './sibling-acceptance.js';
import type { PositionFacts, Trace } from './trace.js';

/** A figure as theory has it and as it was measured; half widths are of 95 % intervals. */
export interface Compared {
  readonly predicted: RatioEstimate;
  readonly measured: RatioEstimate;
}

/** What becomes of draft tokens that are tried: all that are accepted, and one for each rejection. */
export interface TriedTokens {
  /** The share that is rejected. */
  readonly rejection: Compared;
  /** Total variation distance that is spent on one. */
  readonly bias: Compared;
}

/** One method. */
export interface MethodReport {
  readonly method: string;
  readonly verifier: string;
  readonly lossless: boolean;
  /** accepted / drafted. */
  readonly acceptanceRate: Compared;
  /** Tokens of a round, the recovered or bonus token included. */
  readonly meanAcceptanceLength: Compared;
  /** Rounds that end with a rejection, in 100 output tokens. */
  readonly rejectionsPer100Tokens: Compared;
  /** Against plain decoding. */
  readonly speedup: Compared;
  /** Total variation distance from the target's law that was spent, a token. */
  readonly bias: Compared;
  /** There where a method decides token by token along a chain. */
  readonly tried?: TriedTokens | undefined;
  /** Milliseconds. */
  readonly plainTokenMs: { readonly predicted: number; readonly measured: number };
  readonly roundMs: { readonly predicted: number; readonly measured: number };
}

/** Target and draft along the target's text: means over positions, in nats where they are entropies. */
export interface TextReport {
  readonly positions: number;
  /** Expected rejections a token, where drafts never end. */
  readonly totalVariation: number;
  readonly overlap: number;
  readonly divergence: number;
  /** What the divergence leaves of acceptance, by Pinsker's inequality. */
  readonly leastAcceptance: number;
  readonly targetEntropy: number;
  readonly draftEntropy: number;
  /** Tokens that a round with a batch of {@link boundedBatch} can bring at most, but for a constant; NaN without entropy. */
  readonly widthBound: number;
}

/** A point of the line between rejection and bias: means over positions. */
export interface ParetoLinePoint extends ParetoPoint {
  readonly epsilon: number;
}

/**
 * Where along the texts the draft tokens would be that are tried at each epsilon: on the line from the total variation of
 * rejections without bias to that of bias without rejections, whose ends come first and last.
 * @param epsilons  as the facts have them; where there is none, there is no line
 */
export function reportParetoLine(
  traces: readonly Trace[],
  epsilons: readonly number[],
  totalVariation: number,
): ParetoLinePoint[] {
  if (epsilons.length === 0) return [];
  const facts = startFacts(traces);
  return [
    { epsilon: 0, rejection: totalVariation, bias: 0 },
    ...epsilons.map((epsilon, index) => ({
      epsilon,
      rejection: mean(facts.map(({ pareto }) => pareto[index]!.rejection)),
      bias: mean(facts.map(({ pareto }) => pareto[index]!.bias)),
    })),
    { epsilon: 1, rejection: 0, bias: totalVariation },
  ];
}

/** What several draft tokens bring: means over the positions that were looked at. */
export function reportSiblings(traces: readonly Trace[]): SiblingAcceptance[] {
  const all = startFacts(traces).flatMap(({ siblings }) => (siblings === undefined ? [] : [siblings]));
  return (all[0] ?? []).map(({ numSiblings }, index) => ({
    numSiblings,
    optimal: mean(all.map((siblings) => siblings[index]!.optimal)),
    recursive: mean(all.map((siblings) => siblings[index]!.recursive)),
  }));
}

const startFacts = (traces: readonly Trace[]): PositionFacts[] =>
  traces.flatMap(({ facts, numStarts }) => facts.slice(0, numStarts));

/** Means over all positions at which a round may start. */
export function reportText(traces: readonly Trace[]): TextReport {
  const facts = startFacts(traces);
  const meanOf = (figure: (one: PositionFacts) => number): number => mean(facts.map(figure));
  const totalVariation = meanOf((one) => one.totalVariation);
  const divergence = meanDivergence(facts.map((one) => one.divergence));
  const surprises = facts.flatMap(({ targetProbability }) =>
    targetProbability > 0 ? [-Math.log(targetProbability)] : [],
  );
  const surprise = mean(surprises);
  return {
    positions: facts.length,
    totalVariation,
    overlap: 1 - totalVariation,
    divergence,
    leastAcceptance: leastAcceptance(divergence),
    targetEntropy: meanOf((one) => one.targetEntropy),
    draftEntropy: meanOf((one) => one.draftEntropy),
    widthBound: widthBound(surprise, mean(surprises.map((value) => value ** 2)), boundedBatch),
  };
}

/** Tokens of the batch that the bound on width is told for. */
export const boundedBatch = 16;

/** What {@link reportMethod} compares, by texts: predicted rounds and milliseconds, and measured runs in the same order. */
export interface MethodFindings {
  readonly method: string;
  readonly verifier: string;
  readonly lossless: boolean;
  /** Every draft token that is tried is accepted or rejected by its own probabilities. */
  readonly isTokenWise: boolean;
  readonly predicted: readonly PredictedRounds[];
  /** Of all rounds of a text. */
  readonly predictedMs: readonly number[];
  /** Of as many tokens decoded plainly. */
  readonly predictedPlainMs: readonly number[];
  readonly runs: readonly MeasuredRun[];
  readonly plainRuns: readonly MeasuredRun[];
}

type Rounds = Pick<MeasuredRun, 'rounds' | 'acceptedTokens' | 'draftTokens' | 'rejections' | 'bias'>;

const tokensOf = ({ rounds, acceptedTokens }: Pick<Rounds, 'rounds' | 'acceptedTokens'>): number =>
  rounds + acceptedTokens;
const acceptance = (all: readonly Rounds[]): RatioEstimate =>
  estimateRatio(all.map(({ acceptedTokens, draftTokens }) => ({ over: acceptedTokens, under: draftTokens })));
const lengthOf = (all: readonly Rounds[]): RatioEstimate =>
  estimateRatio(all.map((one) => ({ over: tokensOf(one), under: one.rounds })));
const rejectionsOf = (all: readonly Rounds[]): RatioEstimate =>
  estimateRatio(all.map((one) => ({ over: 100 * one.rejections, under: tokensOf(one) })));
const biasOf = (all: readonly Rounds[]): RatioEstimate =>
  estimateRatio(all.map((one) => ({ over: one.bias, under: tokensOf(one) })));

const perTried = (all: readonly Rounds[], figure: (one: Rounds) => number): RatioEstimate =>
  estimateRatio(all.map((one) => ({ over: figure(one), under: one.acceptedTokens + one.rejections })));

function triedTokens(predicted: readonly Rounds[], measured: readonly Rounds[]): TriedTokens {
  const compare = (figure: (one: Rounds) => number): Compared => ({
    predicted: perTried(predicted, figure),
    measured: perTried(measured, figure),
  });
  return { rejection: compare(({ rejections }) => rejections), bias: compare(({ bias }) => bias) };
}

/** Compares what was predicted with what was measured. */
export function reportMethod(findings: MethodFindings): MethodReport {
  const { method, verifier, lossless, predicted, predictedMs, predictedPlainMs, runs, plainRuns } = findings;
  const msPerToken = (all: readonly MeasuredRun[]) =>
    all.map((run) => ({ over: run.ms, under: tokensOf(run) }));
  return {
    method,
    verifier,
    lossless,
    acceptanceRate: { predicted: acceptance(predicted), measured: acceptance(runs) },
    meanAcceptanceLength: { predicted: lengthOf(predicted), measured: lengthOf(runs) },
    rejectionsPer100Tokens: { predicted: rejectionsOf(predicted), measured: rejectionsOf(runs) },
    speedup: {
      predicted: estimateRatio(predictedPlainMs.map((over, index) => ({ over, under: predictedMs[index]! }))),
      measured: estimateQuotient(msPerToken(plainRuns), msPerToken(runs)),
    },
    bias: { predicted: biasOf(predicted), measured: biasOf(runs) },
    ...(findings.isTokenWise && { tried: triedTokens(predicted, runs) }),
    plainTokenMs: {
      predicted: estimateRatio(
        predictedPlainMs.map((over, index) => ({ over, under: tokensOf(predicted[index]!) })),
      ).value,
      measured: estimateRatio(msPerToken(plainRuns)).value,
    },
    roundMs: {
      predicted: estimateRatio(predictedMs.map((over, index) => ({ over, under: predicted[index]!.rounds })))
        .value,
      measured: estimateRatio(runs.map((run) => ({ over: run.ms, under: run.rounds }))).value,
    },
  };
}

/** Milliseconds that the rounds of a text take, at the middle of the text. */
export function predictMs(rounds: PredictedRounds, trace: Trace, cost: RoundCost): number {
  const contextLength = middleOf(trace);
  return [...rounds.roundsBySize].reduce(
    (sum, [size, numRounds]) => sum + numRounds * (cost.predict(size, contextLength) ?? NaN),
    0,
  );
}

/** Milliseconds that as many tokens as these rounds bring take when they are decoded plainly. */
export function predictPlainMs(rounds: PredictedRounds, trace: Trace, plainCost: RoundCost): number {
  return tokensOf(rounds) * (plainCost.predict(0, middleOf(trace)) ?? NaN);
}

const middleOf = ({ prompt, numStarts }: Trace): number => prompt.length + numStarts / 2;

/**
 * The chain that promises most under a rule, by the survival of its longest along the texts. Where rounds start depends on
 * the length a little; the longest chain's starts stand for those of all.
 */
export function bestChain(
  traces: readonly Trace[],
  rule: string,
  { cost, plainCost, longest }: { cost: RoundCost; plainCost: RoundCost; longest: number },
): DraftSize {
  const all = traces.map((trace) => predictChain(trace, rule, longest));
  const totalRounds = all.reduce((sum, { rounds }) => sum + rounds, 0);
  const survival = Array.from(
    { length: longest },
    (_, depth) => all.reduce((sum, one) => sum + one.rounds * (one.survival[depth] ?? 0), 0) / totalRounds,
  );
  const contextLength = mean(traces.map(middleOf));
  return bestDraftSize(
    {
      plainMs: plainCost.predict(0, contextLength) ?? NaN,
      roundMs: (numDraftTokens) => cost.predict(numDraftTokens, contextLength),
      expectedTokens: (numDraftTokens) => expectedTokensBySurvival(survival, numDraftTokens),
    },
    longest,
  );
}
