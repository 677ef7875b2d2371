// From answers to samples, and whether two answers are the same.
import { mean } from 'simple-statistics';
import type { Engine } from '../engine/engine.js';
import type { TokenId } from '../types.js';
import type { TurnAnswer, TurnRequest } from './contender.js';
import type { Sample } from './sample.js';
import { partingOf } from './text-parting.js';
import { isAnswerCorrect, type BenchPrompt } from './workload.js';

/** A conversation as one side had it. */
export interface Conversation {
  /** Milliseconds since the run began. */
  readonly startedAt: number;
  /** How often the processor was throttled for heat meanwhile. */
  readonly throttles: number;
  readonly answers: readonly TurnAnswer[];
  readonly requests: readonly TurnRequest[];
}

/** How the method's answers are to those of plain decoding. */
export interface Comparison {
  readonly isSame: boolean | null;
  /** Difference of log-probabilities of the two tokens where they part first. */
  readonly margin: number | null;
}

/** Likeliest tokens that are looked at where answers part. */
const numAlternatives = 20;

/** Where two answers to a question part. */
interface Parting {
  readonly at: number;
  /** Token of the one at this place; undefined where it had ended. */
  readonly expected: TokenId | undefined;
  /** Whether this may be the other's token there. */
  readonly isActual: (token: TokenId) => boolean;
}

/**
 * Compares what was said at temperature 0; above it, nothing is to be compared. Where tokens are not told texts are compared,
 * as {@link partingOf} does; a question that was asked with another text before it is not.
 */
export async function compareAnswers(
  plain: Engine,
  one: Conversation,
  other: Conversation,
): Promise<Comparison> {
  for (const [turn, expected] of one.answers.entries()) {
    const [request, actual] = [one.requests[turn]!, other.answers[turn]];
    if (request.sampling.temperature !== 0) return { isSame: null, margin: null };
    // What one said beyond the other's end, asked for by nobody, is part of the next question.
    if (turn > 0 && request.text !== other.requests[turn]?.text) break;
    const parting = actual === undefined ? null : partingIn(plain, request, [expected, actual]);
    if (parting === null) return { isSame: null, margin: null };
    if (parting !== undefined) return { isSame: false, margin: await marginAt(plain, request, parting) };
  }
  return { isSame: true, margin: null };
}

/** Where two answers part; undefined where they do not, null where nobody can say. */
function partingIn(
  { target: { tokenizer } }: Engine,
  { maxTokens }: TurnRequest,
  [{ tokens: expected }, { tokens: actual, text, isTextUncertain }]: readonly [TurnAnswer, TurnAnswer],
): Parting | undefined | null {
  if (expected === undefined) return null;
  if (actual !== undefined) {
    const place = expected.findIndex((token, index) => token !== actual[index]);
    const at = place === -1 && actual.length > expected.length ? expected.length : place;
    if (at === -1) return undefined;
    return { at, expected: expected[at], isActual: (token) => token === actual[at] };
  }
  if (isTextUncertain === true) return null;
  const bytes = (token: TokenId): Uint8Array => tokenizer.bytes(token, { special: true });
  const parting = partingOf(text, { pieces: expected.map(bytes), isCut: expected.length >= maxTokens });
  if (parting === undefined) return undefined;
  const { at, rest } = parting;
  const isActual = (token: TokenId): boolean => token !== expected[at] && beginsWith(rest, bytes(token));
  return { at, expected: expected[at], isActual };
}

function beginsWith(text: Uint8Array, piece: Uint8Array): boolean {
  return piece.length > 0 && piece.length <= text.length && piece.every((byte, at) => byte === text[at]);
}

/**
 * How much likelier one token is than another at a place of the answer, the likeliest that it may be; an end that came
 * instead is not known.
 */
async function marginAt(
  plain: Engine,
  request: TurnRequest,
  { at, expected, isActual }: Parting,
): Promise<number | null> {
  if (expected === undefined) return null;
  const { tokens, sampling, seed, ignoreEos } = request;
  const { logprobs } = await plain
    .generate(tokens, { maxTokens: at + 1, sampling, seed, ignoreEos, logprobs: numAlternatives })
    .finish();
  const { alternatives = [] } = logprobs?.[at] ?? {};
  const left = alternatives.find(({ token }) => token === expected)?.logprob;
  const right = alternatives.find(({ token }) => isActual(token))?.logprob;
  return left === undefined || right === undefined ? null : Math.abs(left - right);
}

/** What a sample is of. */
export interface SampleKey {
  readonly trial: string;
  readonly prompt: BenchPrompt;
  readonly repetition: number;
  readonly seed: number;
  readonly side: Sample['side'];
}

/** One side's conversation as a sample. */
export function sampleOf(
  { prompt, ...key }: SampleKey,
  { startedAt, throttles, answers }: Conversation,
  comparison: Comparison,
): Sample {
  const sum = sumOver(answers);
  const rounds = answers.flatMap((answer) => answer.rounds);
  return {
    kind: 'sample',
    ...{ ...key, prompt: prompt.id, category: prompt.category, at: startedAt },
    outputTokens: sum(({ outputTokens }) => outputTokens),
    promptTokens: sum(({ promptTokens }) => promptTokens),
    decodeMs: sum(({ decodeMs }) => decodeMs),
    decodedTokens: sum(({ decodedTokens }) => decodedTokens),
    draftTokens: sum(({ draftTokens }) => draftTokens),
    acceptedTokens: sum(({ acceptedTokens }) => acceptedTokens),
    firstTokenMs: answers[0]!.firstTokenMs,
    wallMs: sum(({ wallMs }) => wallMs),
    accepted: rounds.map(({ numAccepted }) => numAccepted),
    drafted: rounds.map(({ numDraftTokens }) => numDraftTokens),
    depths: rounds.map(({ draftDepth }) => draftDepth),
    roundMs: rounds.map(({ roundMs }) => Math.round(1000 * roundMs) / 1000),
    plainRounds: sum(({ plainRounds }) => plainRounds),
    times: timesOf(answers),
    guard: answers.at(-1)!.guard,
    ...comparison,
    isCorrect: isAnswerCorrect(prompt, answers.at(-1)!.text),
    quality: qualityOf(answers),
    bias: biasOf(answers),
    throttles,
  };
}

const sumOver =
  (answers: readonly TurnAnswer[]) =>
  (of: (answer: TurnAnswer) => number): number =>
    answers.reduce((total, answer) => total + of(answer), 0);

function timesOf(answers: readonly TurnAnswer[]): Sample['times'] {
  if (answers.some(({ times }) => times === null)) return null;
  const sum = sumOver(answers);
  return {
    draft: sum(({ times }) => times!.draft),
    decode: sum(({ times }) => times!.decode),
    verify: sum(({ times }) => times!.verify),
    overhead: sum(({ times }) => times!.overhead),
  };
}

function biasOf(answers: readonly TurnAnswer[]): number | null {
  const spent = answers.flatMap(({ bias }) => bias ?? []);
  return spent.length === 0 ? null : spent.reduce((total, bias) => total + bias, 0);
}

function qualityOf(answers: readonly TurnAnswer[]): Sample['quality'] {
  const audited = answers.flatMap(({ quality }) => quality ?? []);
  if (audited.length === 0) return null;
  return {
    totalVariation: mean(audited.map(({ totalVariation }) => totalVariation)),
    topAgreement: mean(audited.map(({ topAgreement }) => topAgreement)),
  };
}
