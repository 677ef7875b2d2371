import { describe, expect, it } from 'vitest';
import type { GenerationSetup } from '../../src/engine/decode-loop.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { fakeGeneration, FakeDrafter, FakeTarget } from '../helpers/fake-engine.js';

const reason = new Error('enough');

/** Parts of a generation, of which one acts at its third round, or while the prompt is decoded. */
function acting(act: () => void, phase: 'prefill' | 'begin' | 'draft' | 'decode') {
  const target = new FakeTarget();
  const drafter = new FakeDrafter(() => 0);
  const atThird = (call: number): void => {
    if (call === 2) act();
  };
  if (phase === 'prefill') target.onPrefill = act;
  if (phase === 'begin') drafter.onBegin = act;
  if (phase === 'draft') drafter.onDraft = atThird;
  if (phase === 'decode') target.onDecode = atThird;
  return { target, drafter };
}

const phases = [
  { phase: 'prefill', tokens: [] },
  { phase: 'begin', tokens: [] },
  { phase: 'draft', tokens: [3, 4] },
  { phase: 'decode', tokens: [3, 4] },
] as const;

describe('an abort', () => {
  it.each(phases)(
    'during $phase rejects with the reason and keeps what there is',
    async ({ phase, tokens }) => {
      const controller = new AbortController();
      const parts = acting(() => controller.abort(reason), phase);
      const generation = fakeGeneration({ ...parts, signal: controller.signal });
      await expect(generation.finish()).rejects.toBe(reason);
      expect(generation.result).toMatchObject({ tokens, finishReason: 'abort' });
    },
  );

  it('before the start rejects before anything is computed', async () => {
    const target = new FakeTarget();
    target.onPrefill = () => expect.unreachable();
    const generation = fakeGeneration({ target, signal: AbortSignal.abort(reason) });
    await expect(generation.finish()).rejects.toBe(reason);
  });

  it('between two tokens of a round rejects before the next one', async () => {
    const controller = new AbortController();
    const generation = fakeGeneration({ drafter: new FakeDrafter(), signal: controller.signal });
    const reading = (async () => {
      for await (const event of generation)
        if (event.type === 'token' && event.token === 4) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(generation.result).toMatchObject({ tokens: [3, 4], text: 'de', finishReason: 'abort' });
  });

  it('after the end changes nothing', async () => {
    const controller = new AbortController();
    const generation = fakeGeneration({ signal: controller.signal });
    await generation.finish();
    controller.abort(reason);
    expect(generation.result.finishReason).toBe('length');
  });
});

describe('a failure', () => {
  const fail = (): never => {
    throw reason;
  };

  it.each(phases)('during $phase rejects with it and keeps what there is', async ({ phase, tokens }) => {
    const generation = fakeGeneration(acting(fail, phase));
    await expect(generation.finish()).rejects.toBe(reason);
    expect(generation.result.tokens).toEqual(tokens);
  });

  it.each<[string, () => Partial<GenerationSetup>]>([
    ['decode', () => acting(fail, 'decode')],
    [
      'verdict',
      () => {
        const verifier = new MatchVerifier();
        let numVerdicts = 0;
        const verify = verifier.verify.bind(verifier);
        verifier.verify = (request) => (numVerdicts++ === 2 ? fail() : verify(request));
        return { verifier };
      },
    ],
  ])('of the %s leaves the drafter where the round began', async (_, parts) => {
    const drafter = new FakeDrafter(() => 0);
    await expect(fakeGeneration({ ...parts(), drafter }).finish()).rejects.toBe(reason);
    expect(drafter.calls.at(-1)).toEqual(['rollback', [5]]);
  });

  it('leaves the target with what was committed', async () => {
    const { target, drafter } = acting(fail, 'decode');
    await expect(fakeGeneration({ target, drafter }).finish()).rejects.toBe(reason);
    expect(target.tokens).toEqual([0, 1, 2, 3]);
  });
});
