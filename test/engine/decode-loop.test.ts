import { describe, expect, it } from 'vitest';
import type { LookedBack } from '../../src/cost/hindsight.js';
import type { RoundPlan, RoundPlanner } from '../../src/cost/round-planner.js';
import type { Drafter } from '../../src/draft/drafter.js';
import type { Target } from '../../src/engine/target.js';
import { ContextFullError } from '../../src/errors.js';
import { Purpose, uniform } from '../../src/sampling/random.js';
import type { TokenId } from '../../src/types.js';
import type { GenerationEvent } from '../../src/engine/decode-loop.js';
import { eventsOf, fakeGeneration, FakeDrafter, FakeTarget } from '../helpers/fake-engine.js';

/** Right about every token but those divisible by five. */
const halfRight = () =>
  new FakeDrafter((history) => history.at(-1)! + ((history.at(-1)! + 1) % 5 === 0 ? 2 : 1));
const from = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);
const tokensOf = (events: readonly GenerationEvent[]) =>
  events.flatMap((event) => (event.type === 'token' ? [event.token] : []));

describe('the decode loop', () => {
  it('decodes one token a round without a drafter', async () => {
    const target = new FakeTarget();
    const { tokens, stats } = await fakeGeneration({ target }).finish();
    expect(tokens).toEqual(from(3, 10));
    expect(stats).toMatchObject({ rounds: 10, outputTokens: 10, draftTokens: 0 });
    expect(target.numNodes).toEqual(from(0, 10).fill(0));
  });

  it('says with a drafter that errs what it says without', async () => {
    const { tokens } = await fakeGeneration({ drafter: halfRight(), maxTokens: 23 }).finish();
    expect(tokens).toEqual(from(3, 23));
  });

  it('says the same with a drafter that is always wrong', async () => {
    const drafter = new FakeDrafter(() => 0);
    const { tokens, stats } = await fakeGeneration({ drafter }).finish();
    expect(tokens).toEqual(from(3, 10));
    expect(stats.acceptedTokens).toBe(0);
  });

  it('keeps in the cache all tokens but the last', async () => {
    const target = new FakeTarget();
    await fakeGeneration({ target, drafter: new FakeDrafter(), maxTokens: 15 }).finish();
    expect(target.tokens).toEqual(from(0, 17));
  });

  it('gives the drafter all tokens so far, and tells it what came out', async () => {
    const drafter = halfRight();
    await fakeGeneration({ drafter, maxTokens: 6 }).finish();
    expect(drafter.requests.map(({ tokens }) => tokens)).toEqual([from(0, 3), from(0, 6)]);
    expect(drafter.calls).toEqual([
      ['begin', [0, 1, 2]],
      ['accept', [3, 4, 5]],
      ['accept', [6, 7, 8, 9, 10]],
    ]);
  });

  it('tells the planner how many tokens are left', async () => {
    const told: (number | undefined)[] = [];
    const planner: RoundPlanner = {
      startsPlain: false,
      report: { state: 'off', reason: '' },
      plan(_, numLeft) {
        told.push(numLeft);
        return { maxNodes: 2, isPlain: false };
      },
      observe: () => undefined,
    };
    await fakeGeneration({ drafter: new FakeDrafter(), planner, maxTokens: 7 }).finish();
    expect(told).toEqual([7, 4, 1]);
  });

  it('tells a token, its text, the round after its tokens, and the result last', async () => {
    const events = await eventsOf(fakeGeneration({ drafter: halfRight(), maxTokens: 4 }));
    expect(events.map(({ type }) => type)).toEqual([
      ...['token', 'text', 'token', 'text', 'token', 'text', 'round'],
      ...['token', 'text', 'round', 'done'],
    ]);
  });

  it('says of each token whether it was accepted, recovered or a bonus', async () => {
    const events = await eventsOf(fakeGeneration({ drafter: halfRight(), maxTokens: 13 }));
    const kinds = events.flatMap((event) => (event.type === 'token' ? [`${event.token} ${event.kind}`] : []));
    expect(kinds.slice(0, 4)).toEqual(['3 accepted', '4 accepted', '5 recovered', '6 accepted']);
    expect(kinds[7]).toBe('10 bonus');
  });

  it('lets the drafter begin with the text so far, once, where the first rounds are plain', async () => {
    const drafter = halfRight();
    let round = 0;
    const planner: RoundPlanner = {
      startsPlain: true,
      report: { state: 'plain', reason: '' },
      plan: () => ({ maxNodes: round++ < 2 ? 0 : 2, isPlain: false }),
      observe: () => undefined,
    };
    const { tokens } = await fakeGeneration({ drafter, planner, maxTokens: 9 }).finish();
    expect(tokens).toEqual(from(3, 9));
    expect(drafter.calls[0]).toEqual(['begin', from(0, 5)]);
    expect(drafter.calls.filter(([name]) => name === 'begin')).toHaveLength(1);
    expect(drafter.calls[1]![0]).toBe('accept');
    expect(drafter.requests[0]!.tokens).toEqual(from(0, 5));
  });

  it('has the drafter look back over what was decoded plainly, and tells the planner', async () => {
    const plans: Partial<RoundPlan>[] = [
      { numPlainTokens: 3 },
      { numPlainTokens: 2 },
      { looksBack: 4 },
      { maxNodes: 2 },
      { numPlainTokens: 1 },
      { looksBack: 4 },
    ];
    const looks: LookedBack[] = [];
    const planner: RoundPlanner = {
      startsPlain: true,
      report: { state: 'plain', reason: '' },
      plan: () => ({ maxNodes: 0, isPlain: true, ...plans.shift() }),
      observe: () => undefined,
      lookedBack: (look) => void looks.push(look),
    };
    const asked: [TokenId[], number[], number[]][] = [];
    const lookBack: Drafter['lookBack'] = ({ tokens, probabilities, uniform: value }) => {
      asked.push([
        Array.from(tokens),
        Array.from(probabilities),
        Array.from(probabilities, (_, at) => value(at)),
      ]);
      return Promise.resolve(Array.from(probabilities, () => true));
    };
    const extend: Target['extend'] = async function* (root, { numTokens }) {
      const tokens = Int32Array.from({ length: numTokens }, (_, index) => root + 1 + index);
      const probabilities = Float64Array.from(tokens, (token) => 1 / token);
      target.tokens.push(root, ...tokens.subarray(0, -1));
      yield await Promise.resolve({
        tokens,
        probabilities,
        decodeMs: 1,
        samplingMs: 0,
        toldAt: performance.now(),
      });
    };
    const target = Object.assign(new FakeTarget(), { extend });
    const drafter = Object.assign(new FakeDrafter(), { lookBack });
    const { tokens, stats } = await fakeGeneration({ target, drafter, planner, maxTokens: 10 }).finish();
    expect(tokens).toEqual(from(3, 10));
    // All tokens so far, and of those that were decoded plainly last how likely they were; the round in between had drafts.
    expect(asked.map(([all, probabilities]) => [all, probabilities])).toEqual([
      [from(0, 8), [4, 5, 6, 7].map((token) => 1 / token)],
      [from(0, 12), [1 / 11]],
    ]);
    const positions = [1, 2, 3, 4].map((position) => uniform(0, Purpose.resample, position));
    expect(asked[0]![2]).toEqual(positions);
    expect(drafter.calls[0]).toEqual(['begin', from(0, 4)]);
    expect(drafter.calls.filter(([name]) => name === 'begin')).toHaveLength(1);
    expect(looks.map(({ accepted }) => accepted)).toEqual([[true, true, true, true], [true]]);
    expect(stats.draftMs).toBeGreaterThanOrEqual(looks.reduce((total, { ms }) => total + ms, 0));
  });

  it('tells the planner where nobody can look back', async () => {
    const looks: LookedBack[] = [];
    let round = 0;
    const planner: RoundPlanner = {
      startsPlain: true,
      report: { state: 'plain', reason: '' },
      plan: () => ({ maxNodes: 0, isPlain: true, ...(round++ % 2 === 1 && { looksBack: 1 }) }),
      observe: () => undefined,
      lookedBack: (look) => void looks.push(look),
    };
    const drafter = new FakeDrafter();
    const { tokens } = await fakeGeneration({ drafter, planner, maxTokens: 3 }).finish();
    expect(tokens).toEqual(from(3, 3));
    expect(looks).toEqual([
      { accepted: undefined, ms: 0 },
      { accepted: undefined, ms: 0 },
    ]);
    expect(drafter.calls).toEqual([]);
    // One that is not told does not go round in circles.
    const deaf = { ...planner, lookedBack: undefined };
    expect((await fakeGeneration({ drafter, planner: deaf, maxTokens: 3 }).finish()).tokens).toEqual(
      from(3, 3),
    );
  });

  it('says of plain rounds whether others slow them down, one by one and in a run', async () => {
    const planner: RoundPlanner = {
      startsPlain: true,
      report: { state: 'plain', reason: '' },
      plan: (length) => ({ maxNodes: 0, isPlain: true, numPlainTokens: 2, isSettling: length < 8 }),
      observe: () => undefined,
    };
    const extend: Target['extend'] = async function* (root, { numTokens }) {
      const tokens = Int32Array.from({ length: numTokens }, (_, index) => root + 1 + index);
      const probabilities = new Float64Array(numTokens).fill(1);
      const times = { decodeMs: 1, samplingMs: 0, toldAt: performance.now() };
      yield await Promise.resolve({ tokens, probabilities, ...times });
    };
    for (const target of [new FakeTarget(), Object.assign(new FakeTarget(), { extend })]) {
      const events = await eventsOf(
        fakeGeneration({ target, drafter: new FakeDrafter(), planner, maxTokens: 9 }),
      );
      const settling = events.flatMap((event) => (event.type === 'round' ? [event.round.isSettling] : []));
      expect(settling.slice(0, 2)).toEqual([true, true]);
      expect(settling.at(-1)).toBeUndefined();
    }
  });

  it('calls the token after a chain that was accepted whole a bonus', async () => {
    const events = await eventsOf(fakeGeneration({ drafter: new FakeDrafter(), maxTokens: 5 }));
    const last = events.findLast((event) => event.type === 'token');
    expect(last).toEqual({ type: 'token', token: 7, kind: 'bonus' });
  });

  it('ends with a result whose text and tokens are what was told', async () => {
    const events = await eventsOf(fakeGeneration({ drafter: halfRight() }));
    const done = events.at(-1)!;
    if (done.type !== 'done') throw new Error('Expected the result as the last event');
    expect(done.result.tokens).toEqual(tokensOf(events));
    const text = events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('');
    expect(done.result.text).toBe(text);
    expect(text).toBe('defghijklm');
  });

  it('can be iterated once', async () => {
    const generation = fakeGeneration();
    await generation.finish();
    await expect(generation.finish()).rejects.toThrow(TypeError);
  });
});

describe('a generation ends', () => {
  it('at the largest number of tokens, in the middle of a round', async () => {
    const { tokens, finishReason } = await fakeGeneration({
      drafter: new FakeDrafter(),
      maxTokens: 7,
    }).finish();
    expect({ tokens, finishReason }).toEqual({ tokens: from(3, 7), finishReason: 'length' });
  });

  it('at once where no token is wanted', async () => {
    const target = new FakeTarget();
    const { tokens, finishReason } = await fakeGeneration({ target, maxTokens: 0 }).finish();
    expect({ tokens, finishReason }).toEqual({ tokens: [], finishReason: 'length' });
    expect(target.numNodes).toEqual([]);
  });

  it('at an end token, which is left out, and drops what was drafted after it', async () => {
    const isEnd = (token: number) => token === 5;
    const { tokens, text, finishReason } = await fakeGeneration({
      drafter: new FakeDrafter(),
      isEnd,
    }).finish();
    expect({ tokens, text, finishReason }).toEqual({ tokens: [3, 4], text: 'de', finishReason: 'stop' });
  });

  it('at a stop string within a token', async () => {
    const text = { push: (token: number) => `<${token}>`, end: () => '' };
    const result = await fakeGeneration({ text, stop: ['>'] }).finish();
    expect(result).toMatchObject({ text: '<3', tokens: [3], finishReason: 'stop' });
  });

  it('at a stop string that is spread over tokens, without showing its beginning', async () => {
    const events = await eventsOf(fakeGeneration({ drafter: new FakeDrafter(), stop: ['ghi'] }));
    expect(events.flatMap((event) => (event.type === 'text' ? [event.text] : []))).toEqual(['d', 'e', 'f']);
    expect(events.at(-1)).toMatchObject({ result: { tokens: from(3, 6), finishReason: 'stop' } });
  });

  it('with the text that was held back for a stop string which did not come', async () => {
    const { text } = await fakeGeneration({ maxTokens: 4, stop: ['fgx'] }).finish();
    expect(text).toBe('defg');
  });

  it('with the rest of an incomplete character', async () => {
    const text = { push: () => 'x', end: () => '\uFFFD' };
    expect((await fakeGeneration({ maxTokens: 2, text }).finish()).text).toBe('xx\uFFFD');
  });

  it('at a stop string without the incomplete character after it', async () => {
    const text = { push: () => 'x', end: () => '\uFFFD' };
    expect((await fakeGeneration({ stop: ['xx'], text }).finish()).text).toBe('');
  });

  it('at the end of the context, whose last cells are drafted into', async () => {
    const target = new FakeTarget();
    target.contextSize = 9;
    const drafter = new FakeDrafter();
    const { tokens, finishReason } = await fakeGeneration({ target, drafter, maxTokens: 100 }).finish();
    expect({ tokens, finishReason }).toEqual({ tokens: from(3, 7), finishReason: 'length' });
    expect(drafter.requests.map(({ maxNodes }) => maxNodes)).toEqual([4, 1]);
  });

  it('before it begins where the prompt does not fit', async () => {
    const target = new FakeTarget();
    target.contextSize = 2;
    await expect(fakeGeneration({ target }).finish()).rejects.toThrow(ContextFullError);
  });

  it('never decodes more tokens at once than fit in a batch', async () => {
    const target = new FakeTarget();
    target.maxBatch = 3;
    const { tokens } = await fakeGeneration({ target, drafter: new FakeDrafter() }).finish();
    expect(tokens).toEqual(from(3, 10));
    expect(Math.max(...target.numNodes)).toBe(2);
  });
});

describe('the figures of a generation', () => {
  it('add up over its rounds', async () => {
    const events = await eventsOf(fakeGeneration({ drafter: halfRight(), maxTokens: 40 }));
    const rounds = events.flatMap((event) => (event.type === 'round' ? [event.round] : []));
    const total = (key: 'numDraftTokens' | 'numAccepted' | 'decodeMs' | 'verifyMs') =>
      rounds.reduce((sum, round) => sum + round[key], 0);
    const done = events.at(-1)!;
    if (done.type !== 'done') throw new Error('Expected the result as the last event');
    const { stats } = done.result;
    expect(stats).toMatchObject({
      rounds: rounds.length,
      draftTokens: total('numDraftTokens'),
      acceptedTokens: total('numAccepted'),
      acceptanceRate: total('numAccepted') / total('numDraftTokens'),
      outputTokens: 40,
      promptTokens: 3,
      speedup: null,
    });
    expect(stats.decodeMs).toBe(2 * rounds.length);
    expect(stats.verifyMs).toBeCloseTo(total('verifyMs'), 9);
    expect(stats.meanAcceptanceLength).toBeCloseTo(1 + total('numAccepted') / rounds.length, 12);
  });

  it('say at which depth drafts were accepted', async () => {
    // After 2: 3 and 4 are right, 5 is not. After 5 and after 10 all four are.
    const { stats } = await fakeGeneration({ drafter: halfRight(), maxTokens: 13 }).finish();
    expect(stats.acceptedPerPosition).toEqual([1, 1, 2 / 3, 2 / 3]);
  });

  it('count prompt tokens that were in the cache already', async () => {
    const target = new FakeTarget();
    await fakeGeneration({ target, maxTokens: 3 }).finish();
    const { stats } = await fakeGeneration({ target, prompt: [0, 1, 2, 3, 9, 9] }).finish();
    expect(stats).toMatchObject({ promptTokens: 6, reusedPromptTokens: 4 });
  });
});
