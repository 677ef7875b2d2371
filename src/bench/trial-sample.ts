// From answers to samples, and whether two answers are the same.
import { mean } from 'simple-statistics';
import type { Engine } from '../engine/engine.js';
import type { TokenId } from '../types.js';
import type { TurnAnswer, TurnRequest } from './contender.js';
import type { Sample } from './sample.js';
import { isAnswerCorrect, type BenchPrompt } from './workload.js';

/** A conversation as one side had it. */
export interface Conversation {
  /** Milliseconds since the run began. */
  readonly startedAt: number;
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

/** Compares what was said at temperature 0; above it, nothing is to be compared. */
export async function compareAnswers(
  plain: Engine,
  one: Conversation,
  other: Conversation,
): Promise<Comparison> {
  for (const [turn, { tokens: expected }] of one.answers.entries()) {
    const request = one.requests[turn]!;
    const actual = other.answers[turn]?.tokens;
    if (request.sampling.temperature !== 0 || expected === undefined || actual === undefined) {
      return { isSame: null, margin: null };
    }
    const place = expected.findIndex((token, index) => token !== actual[index]);
    const at = place === -1 && actual.length > expected.length ? expected.length : place;
    if (at !== -1)
      return { isSame: false, margin: await marginAt(plain, request, [at, expected[at], actual[at]]) };
  }
  return { isSame: true, margin: null };
}

/** How much likelier one token is than another at a place of the answer; an end that came instead is not known. */
async function marginAt(
  plain: Engine,
  request: TurnRequest,
  [at, expected, actual]: readonly [number, TokenId | undefined, TokenId | undefined],
): Promise<number | null> {
  if (expected === undefined || actual === undefined) return null;
  const { tokens, sampling, seed, ignoreEos } = request;
  const { logprobs } = await plain
    .generate(tokens, { maxTokens: at + 1, sampling, seed, ignoreEos, logprobs: numAlternatives })
    .finish();
  const { alternatives = [] } = logprobs?.[at] ?? {};
  const of = (token: TokenId): number | undefined => alternatives.find((one) => one.token === token)?.logprob;
  const [left, right] = [of(expected), of(actual)];
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
  { startedAt, answers }: Conversation,
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
