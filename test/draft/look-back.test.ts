// What a draft model says of tokens that were decoded without it.
import { sum } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { probabilityOf } from '../../src/sampling/distribution.js';
import { fakeDrafter, request, table, vocabSize } from '../helpers/fake-draft-model.js';
import { likeliest } from '../helpers/rows.js';
import { randomModel } from '../helpers/table-model.js';

describe('a draft model that looks back', () => {
  const target = randomModel(9, vocabSize, 0.3);
  const history = [1, 2, 3];

  /** The probability that the drafter says a token would have been accepted with, each time after the same text. */
  async function acceptance(text: readonly number[], probabilities: readonly number[], index: number) {
    const { drafter } = fakeDrafter();
    const isAccepted = async (value: number): Promise<boolean> => {
      const accepted = await drafter.lookBack({
        tokens: Int32Array.from(text),
        probabilities: Float64Array.from(probabilities),
        sampling: { temperature: 1 },
        needsDraftProbs: true,
        uniform: () => value,
      });
      return accepted![index]!;
    };
    let [low, high] = [0, 1];
    for (let step = 0; step < 40; step++) {
      const middle = (low + high) / 2;
      if (await isAccepted(middle)) low = middle;
      else high = middle;
    }
    return low;
  }

  it('expects of chains what rejection accepts of them', async () => {
    let [lookedBack, accepted] = [0, 0];
    const [p, q] = [target.next(history), table.next(history)];
    for (const [at, first] of p.ids.entries()) {
      const path = [...history, first];
      const [pNext, qNext] = [target.next(path), table.next(path)];
      const shared = Array.from(pNext.ids, (id, index) =>
        Math.min(pNext.probs[index]!, probabilityOf(qNext, id)),
      );
      accepted += Math.min(p.probs[at]!, probabilityOf(q, first)) * sum(shared);
      for (const [index, second] of pNext.ids.entries()) {
        const probabilities = [p.probs[at]!, pNext.probs[index]!];
        const text = [...path, second];
        const both = (await acceptance(text, probabilities, 0)) * (await acceptance(text, probabilities, 1));
        lookedBack += probabilities[0]! * probabilities[1]! * both;
      }
    }
    expect(accepted).toBeGreaterThan(0.1);
    expect(lookedBack).toBeCloseTo(accepted, 9);
  });

  it('accepts of likeliest tokens those that were drawn, and goes on drafting from there', async () => {
    const { drafter, sequence } = fakeDrafter();
    const text = [...history];
    while (text.length < 9) text.push(likeliest(table.next(text)));
    text[6] = (text[6]! + 1) % vocabSize;
    const look = { sampling: {}, needsDraftProbs: false, uniform: () => 0.5 };
    const tokens = Int32Array.from(text);
    const probabilities = new Float64Array(6).fill(0.5);
    const expected = Array.from({ length: 6 }, (_, index) => {
      const before = text.slice(0, 3 + index);
      return likeliest(table.next(before)) === text[3 + index];
    });
    expect(expected[3]).toBe(false);
    expect(await drafter.lookBack({ tokens, probabilities, ...look })).toEqual(expected);
    expect(sequence.prefills).toEqual([text.slice(0, 2)]);
    // The sequence is checked to hold what the drafter takes it to.
    expect((await drafter.draft(request({ tokens }))).tree.numNodes).toBe(4);
    expect(sequence.numReleased).toBe(1);
  });

  it('expects of rules that see no draft probabilities that they accept what the target draws', async () => {
    const { drafter } = fakeDrafter({ draws: 'sampled' });
    const tokens = Int32Array.of(...history, 4);
    const drawn = probabilityOf(table.next(history), 4);
    const look = { tokens, probabilities: Float64Array.of(0.01), sampling: {}, needsDraftProbs: false };
    for (const [value, isAccepted] of [
      [drawn - 1e-9, true],
      [drawn + 1e-9, false],
    ] as const)
      expect(await drafter.lookBack({ ...look, uniform: () => value })).toEqual([isAccepted]);
  });

  it('looks at no more tokens than a batch takes, the last ones, and at none before the first row', async () => {
    const look = { sampling: {}, needsDraftProbs: true, tokens: Int32Array.of(1, 2, 3, 1, 2) };
    const last = { ...look, probabilities: Float64Array.of(0.2, 0.1), uniform: (index: number) => 5 * index };
    const text = {
      ...look,
      probabilities: Float64Array.of(1, 0.5, 0.2, 0.1),
      uniform: (index: number) => 5 * (index - 2),
    };
    const expected = await fakeDrafter().drafter.lookBack(last);
    expect(expected).toEqual([true, false]);
    expect(await fakeDrafter({ lookBackTokens: 2 }).drafter.lookBack(text)).toEqual(expected);
    const all = { ...text, probabilities: Float64Array.of(1, 1, 0.5, 0.2, 0.1) };
    expect(await fakeDrafter().drafter.lookBack(all)).toHaveLength(4);
  });

  it('says nothing where it cannot go back, has no room or does not know a token', async () => {
    const look = { sampling: {}, needsDraftProbs: true, uniform: () => 0.5 };
    const text = { tokens: Int32Array.of(1, 4, 2), probabilities: Float64Array.of(1), ...look };
    for (const change of [{ lookBackTokens: 0 }, { contextSize: 2 }, { vocabSize: 3 }])
      expect(await fakeDrafter(change).drafter.lookBack(text)).toBeUndefined();
    expect(await fakeDrafter().drafter.lookBack(text)).toHaveLength(1);
  });
});
