// A comparison of theory and measurement as lines of text. Knows nothing of terminals.
import type { RatioEstimate } from '../ratio-estimate.js';
import type { TheoryReport } from './compare.js';
import { boundedBatch, type Compared, type MethodReport, type TextReport } from './report.js';

/** Rows of the table of methods, its head first. */
export function theoryRows({ methods }: TheoryReport): string[][] {
  const isLossy = methods.some(({ lossless }) => !lossless);
  const columns: readonly (readonly [string, (method: MethodReport) => Compared, number])[] = [
    ['acceptance', ({ acceptanceRate }) => acceptanceRate, 3],
    ['tokens a round', ({ meanAcceptanceLength }) => meanAcceptanceLength, 2],
    ['rejections in 100', ({ rejectionsPer100Tokens }) => rejectionsPer100Tokens, 1],
    ['speedup', ({ speedup }) => speedup, 2],
    ...(isLossy ? [['bias a token', ({ bias }: MethodReport) => bias, 4] as const] : []),
  ];
  return [
    ['method', ...columns.flatMap(([name]) => [name, 'measured'])],
    ...methods.map((method) => [
      method.method,
      ...columns.flatMap(([, figure, digits]) => {
        const { predicted, measured } = figure(method);
        return [predicted.value.toFixed(digits), withInterval(measured, digits)];
      }),
    ]),
  ];
}

/** What the table of tasks shows. */
export const taskCaption =
  'By task: acceptance of a draft token along the texts, as measured in runs that decide token by token, and its bounds';

/** Rows of the table of tasks, its head first; none where there are no tasks. */
export function taskRows({ tasks }: TheoryReport): string[][] {
  if (tasks.length === 0) return [];
  const digits = 3;
  return [
    ['task', 'tokens', 'acceptance', 'measured', 'at least by divergence', 'at least by text', 'at most'],
    ...tasks.map(({ task, positions, acceptance, measured, leastByDivergence, bounds }) => [
      ...[task, String(positions), acceptance.toFixed(digits)],
      measured === undefined ? '-' : withInterval(measured, digits),
      ...[leastByDivergence, bounds.least, bounds.most].map((bound) => bound.toFixed(digits)),
    ]),
  ];
}

/** What the table of siblings shows. */
export const siblingCaption =
  'Of so many draft tokens after the same text, drawn with replacement, one is accepted: by the best rule that there can be, and by recursive rejection';

/** Rows of the table of siblings, its head first; none where nothing was looked at. */
export function siblingRows({ siblings }: TheoryReport): string[][] {
  if (siblings.length === 0) return [];
  return [
    ['draft tokens', 'best rule', 'recursive'],
    ...siblings.map(({ numSiblings, optimal, recursive }) => [
      String(numSiblings),
      optimal.toFixed(3),
      recursive.toFixed(3),
    ]),
  ];
}

function withInterval({ value, halfWidth }: RatioEstimate, digits: number): string {
  return Number.isNaN(halfWidth)
    ? value.toFixed(digits)
    : `${value.toFixed(digits)} \u00b1 ${halfWidth.toFixed(digits)}`;
}

/** What target and draft are to each other along the text, and what follows. */
export function theorySentences({ text, bestChain, methods }: TheoryReport): string[] {
  const lossy = methods.filter(({ lossless }) => !lossless).map(({ method }) => method);
  return [
    ...describeText(text),
    ...(bestChain === undefined ? [] : [describeChain(bestChain)]),
    ...(lossy.length === 0 ? [] : [`lossy: ${lossy.join(', ')}`]),
  ];
}

function describeText(text: TextReport): string[] {
  return [
    `Along ${text.positions} tokens of the target: total variation ${text.totalVariation.toFixed(3)} ` +
      `(${(100 * text.totalVariation).toFixed(1)} rejections in 100 tokens), overlap ${text.overlap.toFixed(3)}`,
    `Divergence ${text.divergence.toFixed(3)} nats (acceptance of at least ${text.leastAcceptance.toFixed(3)}), ` +
      `entropy ${text.targetEntropy.toFixed(3)} of the target, ${text.draftEntropy.toFixed(3)} of the draft`,
    ...(Number.isFinite(text.widthBound) ? [describeWidth(text)] : []),
  ];
}

function describeWidth({ widthBound }: TextReport): string {
  return (
    `No tree brings more than ${widthBound.toFixed(1)} tokens a round with a batch of ${boundedBatch}, but for a constant: ` +
    `width pays by its logarithm${widthBound < boundedBatch ? '' : '; the batch itself is the limit here'}`
  );
}

function describeChain({ numDraftTokens, speedup }: { numDraftTokens: number; speedup: number }): string {
  return numDraftTokens === 0
    ? 'No chain is predicted to pay'
    : `Best chain by prediction: chain:${numDraftTokens} with block, ${speedup.toFixed(2)} times plain decoding`;
}
