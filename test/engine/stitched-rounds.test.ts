// Who writes when: the rule of the switch, on models whose tokens and entropies are written down.
import { describe, expect, it } from 'vitest';
import type { GenerationSetup } from '../../src/engine/decode-loop.js';
import {
  StitchedRounds,
  type NextToken,
  type StitchedRoundsOptions,
  type Writer,
} from '../../src/engine/stitched-rounds.js';
import { ArrayRows, oneHot } from '../../src/sampling/distribution.js';
import type { TokenId } from '../../src/types.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { eventsOf, fakeGeneration } from '../helpers/fake-engine.js';

/** Writes one token all the time, with the entropy that its script has for the length of the text. */
class FakeWriter implements Writer {
  contextSize = 100;
  vocabSize = 26;
  /** Tokens that each read found new. */
  readonly numRead: number[] = [];
  onRead: () => void = () => undefined;
  readonly #token: TokenId;
  readonly #entropy: (length: number) => number;
  #held = 0;

  constructor(token: TokenId, entropy: (length: number) => number) {
    this.#token = token;
    this.#entropy = entropy;
  }

  async begin(tokens: readonly TokenId[]): Promise<void> {
    await Promise.resolve();
    this.#held = tokens.length - 1;
  }

  async read(tokens: Int32Array, signal: AbortSignal | undefined): Promise<NextToken> {
    await Promise.resolve();
    this.onRead();
    signal?.throwIfAborted();
    this.numRead.push(tokens.length - this.#held);
    this.#held = tokens.length;
    const found = this.#entropy(tokens.length);
    const rows = new ArrayRows([oneHot(this.#token)]);
    return { rows, isSure: (share) => found <= share, decodeMs: 2, samplingMs: 1 };
  }
}

const [d, t] = [3, 19];

/** A generation of ten letters from the prompt `abc`; scripts are entropies by the length of the text before. */
function stitched(
  entropies: { draft: (length: number) => number; target: (length: number) => number },
  change: Partial<StitchedRoundsOptions> = {},
  setup: Partial<GenerationSetup> = {},
) {
  const draft = new FakeWriter(d, entropies.draft);
  const target = new FakeWriter(t, entropies.target);
  const verifier = new MatchVerifier();
  const options = { draft, target, threshold: 0.1, verifier, seed: 0, signal: setup.signal, ...change };
  const stitch = new StitchedRounds(options);
  // The loop has the prompt read by the target of the setup: of the fakes that is another one.
  void target.begin([0, 1, 2]);
  return { draft, target, generation: fakeGeneration({ stitch, verifier, ...setup }) };
}

const always = (entropy: number) => () => entropy;
const unsureAt =
  (...lengths: number[]) =>
  (length: number) =>
    lengths.includes(length) ? 0.5 : 0.05;

describe('the turns', () => {
  it('begin with the draft model and stay with it while it is sure', async () => {
    const { generation, target } = stitched({ draft: always(0.1), target: always(0) });
    const result = await generation.finish();
    expect(result.text).toBe('dddddddddd');
    expect(result).toMatchObject({
      lossless: false,
      stitch: { draftTokens: 10, targetTokens: 0, switches: 0 },
    });
    expect(target.numRead).toEqual([]);
  });

  it('go to the target where the draft model is not sure, for one token where the target is', async () => {
    const { generation } = stitched({ draft: unsureAt(5, 9), target: always(0.1) });
    const result = await generation.finish();
    expect(result.text).toBe('ddtdddtddd');
    expect(result.stitch).toEqual({ draftTokens: 8, targetTokens: 2, switches: 4 });
  });

  it('stay with the target until it is sure, whatever the draft model would be', async () => {
    const { generation, draft } = stitched({ draft: unsureAt(4), target: unsureAt(4, 5, 6) });
    const result = await generation.finish();
    expect(result.text).toBe('dttttddddd');
    // The prompt's last token, one of its own, then four that the target wrote in one batch.
    expect(draft.numRead).toEqual([1, 1, 4, 1, 1, 1, 1]);
  });

  it('have each model read in one batch what the other wrote, and nothing twice', async () => {
    const { generation, draft, target } = stitched({ draft: unsureAt(5, 6, 9), target: always(0) });
    expect((await generation.finish()).text).toBe('ddttddtddd');
    expect(target.numRead).toEqual([3, 1, 3]);
    expect(draft.numRead).toEqual(new Array<number>(10).fill(1));
  });

  it('are all the target of threshold 0, which even an entropy of 0 does not reach', async () => {
    const { generation, draft } = stitched({ draft: always(0), target: always(0) }, { threshold: 0 });
    const result = await generation.finish();
    expect(result.text).toBe('tttttttttt');
    expect(result).toMatchObject({ lossless: true, stitch: { draftTokens: 0, switches: 0 } });
    expect(draft.numRead).toEqual([]);
  });

  it('are all the draft model of threshold 1, which rounding beyond 1 does not exceed', async () => {
    const { generation } = stitched({ draft: always(1 + 1e-12), target: always(1) }, { threshold: 1 });
    expect((await generation.finish()).text).toBe('dddddddddd');
  });
});

describe('the draft model', () => {
  it('has no turn any more once its context is full', async () => {
    const parts = stitched({ draft: always(0), target: always(0) });
    parts.draft.contextSize = 6;
    expect((await parts.generation.finish()).text).toBe('ddddtttttt');
  });

  it('has no turn after a token that it does not know', async () => {
    const parts = stitched({ draft: unsureAt(4), target: always(0) });
    parts.draft.vocabSize = t;
    expect((await parts.generation.finish()).text).toBe('dttttttttt');
  });
});

describe('a stitched generation', () => {
  it('tells who wrote each token, and where the time went', async () => {
    const { generation } = stitched({ draft: unsureAt(4), target: always(0) }, {}, { maxTokens: 3 });
    const events = await eventsOf(generation);
    const kinds = events.flatMap((event) => (event.type === 'token' ? [event.kind] : []));
    expect(kinds).toEqual(['accepted', 'bonus', 'accepted']);
    const rounds = events.flatMap((event) => (event.type === 'round' ? [event.round] : []));
    expect(rounds.map(({ decodeMs }) => decodeMs)).toEqual([0, 2, 0]);
    expect(rounds[1]!.verifyMs).toBeGreaterThanOrEqual(1);
    expect(generation.result.stats).toMatchObject({
      rounds: 3,
      outputTokens: 3,
      draftTokens: 0,
      speedup: null,
    });
  });

  it('ends at a stop text and at an end token of either model', async () => {
    const entropies = { draft: unsureAt(5), target: always(0) };
    const stopped = await stitched(entropies, {}, { stop: ['dt'] }).generation.finish();
    expect(stopped).toMatchObject({ text: 'd', finishReason: 'stop' });
    for (const [end, text] of [
      [t, 'dd'],
      [d, ''],
    ] as const) {
      const ended = await stitched(entropies, {}, { isEnd: (token) => token === end }).generation.finish();
      expect(ended).toMatchObject({ text, finishReason: 'stop', lossless: false });
    }
  });

  it('rejects at an abort and keeps what was written', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const { signal } = controller;
    const parts = stitched({ draft: unsureAt(5), target: always(0) }, { signal }, { signal });
    parts.target.onRead = () => controller.abort(reason);
    await expect(parts.generation.finish()).rejects.toBe(reason);
    expect(parts.generation.result).toMatchObject({
      text: 'dd',
      finishReason: 'abort',
      lossless: false,
      stitch: { draftTokens: 2, targetTokens: 0, switches: 0 },
    });
  });
});
