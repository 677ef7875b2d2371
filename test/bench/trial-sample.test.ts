import { describe, expect, it } from 'vitest';
import type { TurnAnswer, TurnRequest } from '../../src/bench/contender.js';
import { sampleSchema } from '../../src/bench/sample.js';
import { compareAnswers, sampleOf, type Conversation } from '../../src/bench/trial-sample.js';
import type { Engine } from '../../src/engine/engine.js';
import { fakeSample } from '../helpers/bench-results.js';

/** By token. */
const pieces = ['one', ' two', ' three', ' four', ' t'];
const logprobs = [
  { token: 1, logprob: -0.5 },
  { token: 3, logprob: -0.75 },
  { token: 4, logprob: -4 },
];
const plain = {
  target: { tokenizer: { bytes: (token: number) => new TextEncoder().encode(pieces[token]) } },
  generate: () => ({
    finish: () => Promise.resolve({ logprobs: pieces.map(() => ({ alternatives: logprobs })) }),
  }),
} as unknown as Engine;

const maxTokens = 3;
const request = {
  text: '',
  tokens: new Int32Array(),
  maxTokens,
  sampling: { temperature: 0 },
} as TurnRequest;
const answer = {
  text: 'one two three',
  tokens: [0, 1, 2],
  rounds: [],
  times: null,
  quality: null,
  bias: null,
};
type Turn = readonly [Partial<TurnAnswer>, Partial<TurnRequest>?];
const conversation = (...turns: readonly Turn[]): Conversation => ({
  startedAt: 0,
  throttles: 2,
  answers: turns.map(([change]) => ({ ...answer, ...change }) as TurnAnswer),
  requests: turns.map(([, change]) => ({ ...request, ...change })),
});
const untold = (text: string, more: Partial<TurnAnswer> = {}): Partial<TurnAnswer> => ({
  ...{ text, tokens: undefined, ...more },
});
const compared = (...turns: readonly Turn[]) =>
  compareAnswers(
    plain,
    conversation(...turns.map(([, change]): Turn => [{}, change])),
    conversation(...turns),
  );

describe('greedy answers', () => {
  it('are compared by tokens where these are told', async () => {
    expect(await compared([{}])).toEqual({ isSame: true, margin: null });
    expect(await compared([{ tokens: [0, 3] }])).toEqual({ isSame: false, margin: 0.25 });
  });

  it('are compared by text where tokens are not told', async () => {
    expect(await compared([untold('one two three and more')])).toEqual({ isSame: true, margin: null });
    expect(await compared([untold('one')])).toEqual({ isSame: false, margin: null });
    expect(await compared([untold('something')])).toMatchObject({ isSame: false });
  });

  it('that part have the margin of the likeliest token that the text may go on with', async () => {
    expect(await compared([untold('one four')])).toEqual({ isSame: false, margin: 0.25 });
    expect(await compared([untold('one to')])).toEqual({ isSame: false, margin: 3.5 });
  });

  it('are not compared where the text is not certain', async () => {
    expect(await compared([untold('one two three', { isTextUncertain: true })])).toMatchObject({
      isSame: null,
    });
  });

  it('are not compared after what one said beyond the other', async () => {
    const other = conversation([untold('one two three and more')], [untold('what else'), { text: 'longer' }]);
    expect(await compareAnswers(plain, conversation([{}], [{}]), other)).toMatchObject({ isSame: true });
    const alike = conversation([untold('one two three')], [untold('what else')]);
    expect(await compareAnswers(plain, conversation([{}], [{}]), alike)).toMatchObject({ isSame: false });
  });

  it('are the only ones that are compared', async () => {
    const sampling = { temperature: 1 };
    expect(await compared([untold('one'), { sampling }])).toEqual({ isSame: null, margin: null });
  });
});

describe('a sample', () => {
  const prompt = { id: 'a', category: 'all', before: [], questions: ['?'], check: undefined };
  const key = { trial: 't', prompt, repetition: 0, seed: 0, side: 'method' } as const;
  const biasOf = (...biases: readonly (number | null)[]): number | null =>
    sampleOf(key, conversation(...biases.map((bias) => [{ bias }] as const)), { isSame: null, margin: null })
      .bias;

  it('has what a lossy rule spent in all answers', () => {
    expect([biasOf(0.5, 0.25), biasOf(0), biasOf(null, null)]).toEqual([0.75, 0, null]);
  });

  it('has how often the processor was throttled meanwhile', () => {
    const { throttles } = sampleOf(key, conversation([{}]), { isSame: null, margin: null });
    expect(throttles).toBe(2);
  });

  it('that was written before anybody counted it is read', () => {
    const sample = fakeSample();
    expect(sampleSchema.parse({ ...sample, bias: undefined, throttles: undefined })).toEqual(sample);
  });
});
