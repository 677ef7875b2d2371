// What a cost curve comes to, in words, for the terminal and for the page.
import type { CostFile } from '../engine/kept-cost.js';
import { textTable } from '../metrics/text-table.js';
import type { AssumedPlan, CostCurve, KnownAcceptance, PairPlan } from './tune-curves.js';

const barWidth = 40;

/** What `outrider tune` found out. */
export interface TuneReport {
  readonly target: string;
  readonly draft: string | null;
  readonly drafter: string;
  readonly curves: readonly CostCurve[];
  /** Of drafts that the guard decides over one by one. */
  readonly knownAcceptance: readonly KnownAcceptance[];
  /** Milliseconds that a GPU takes more for the first batches of another size. */
  readonly sizeChangeMs: number;
  /** True where that counts. */
  readonly holdsSizes: boolean;
  /** Where costs are kept, if they are. */
  readonly costs: CostFile;
}

/** What the curve's plain decoding takes. */
export const plainSentence = ({ contextLength, plainMs }: CostCurve): string =>
  `${contextLength} tokens of context: plain decoding takes ${plainMs.toFixed(2)} ms a token`;

/** What is best at a rate that nobody measured: for orientation. */
export function assumedSentence({ acceptance, draftTokens, speedup }: AssumedPlan): string {
  const assumed = `assumed, ${acceptance} of draft tokens accepted:`;
  if (draftTokens === 0) return `${assumed} plain decoding`;
  return `${assumed} chains of ${draftTokens}, ${speedup.toFixed(2)} times as fast as plain`;
}

/** What is best by what was measured. */
export function pairSentence({ kind, draftTokens, tokens, speedup }: PairPlan): string {
  const known = `${kind}, by the answers before:`;
  if (draftTokens === 0) return `${known} plain decoding`;
  const expected = `${tokens.toFixed(2)} tokens a round, ${speedup.toFixed(2)} times as fast as plain`;
  return `${known} up to ${draftTokens} draft tokens, expected ${expected}`;
}

/** What holds after every length of context. */
export function generalSentences(report: TuneReport): string[] {
  const { curves, knownAcceptance, sizeChangeMs, holdsSizes, costs } = report;
  const known = knownAcceptance.map(
    ({ kind, acceptance }) =>
      `${kind}, by the answers before: ${acceptance.toFixed(2)} of draft tokens accepted. Drafts of ${report.drafter} cost ` +
      'next to nothing: how much of one is decoded is decided when it is there',
  );
  const isUnknown = knownAcceptance.length === 0 && curves.every(({ pairPlans }) => pairPlans.length === 0);
  return [
    ...(costs.keeping === 'busy'
      ? ['Other processes kept cores busy meanwhile: these times, and what follows from them, say little']
      : []),
    ...known,
    ...(isUnknown
      ? [
          'Nothing is known yet of what is accepted here: once it has answered, there is a plan by its own acceptance',
        ]
      : []),
    ...(holdsSizes
      ? [
          `Rounds of another size than those before take ${sizeChangeMs.toFixed(2)} ms more, in all: drafts are best of one size`,
        ]
      : []),
  ];
}

/** Cells of a curve, the first row its heads. */
export function curveRows({ rounds }: CostCurve): string[][] {
  return [
    ['draft tokens', 'ms a round', 'tokens to break even'],
    ...rounds.map(({ draftTokens, ms, breakEven }) => [
      String(draftTokens),
      ms.toFixed(2),
      breakEven.toFixed(2),
    ]),
  ];
}

/** The report as a terminal shows it, with a bar for each size: tokens that a round has to bring to be worth its time. */
export function tuneLines(report: TuneReport): string[] {
  return [...report.curves.flatMap(curveLines), ...generalSentences(report)];
}

function curveLines(curve: CostCurve): string[] {
  const largest = Math.max(...curve.rounds.map(({ breakEven }) => breakEven), 1);
  const bars = curve.rounds.map(({ breakEven }) =>
    '\u2588'.repeat(Math.max(1, Math.round((barWidth * breakEven) / largest))).padEnd(barWidth),
  );
  return [
    plainSentence(curve),
    ...textTable(curveRows(curve).map((cells, index) => [...cells, bars[index - 1] ?? ''])),
    ...curve.plans.map((plan) => `  ${assumedSentence(plan)}`),
    ...curve.pairPlans.map((plan) => `  ${pairSentence(plan)}`),
    '',
  ];
}
