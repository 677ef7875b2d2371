import { describe, expect, it } from 'vitest';
import { SyntheticDrafter } from '../../src/bench/synthetic-drafter.js';
import { requestFor } from '../helpers/draft-requests.js';

describe('synthetic drafts', () => {
  it('are right at each depth as often as is asked for', async () => {
    const drafter = new SyntheticDrafter({ rates: [0.8, 0.3], maxNodes: 3, vocabSize: 100 });
    const known = Array.from({ length: 40 }, (_, index) => index);
    drafter.foresee(known);
    const right = [0, 0, 0];
    const rounds = 6000;
    for (let round = 0; round < rounds; round++) {
      const { tree } = await drafter.draft({ ...requestFor(known.slice(0, 10)), maxNodes: 3 });
      tree.tokens.forEach((token, depth) => (right[depth]! += Number(token === known[10 + depth])));
    }
    const expected = [0.8, 0.3, 0.3];
    for (const [depth, count] of right.entries()) {
      const rate = expected[depth]!;
      expect(Math.abs(count / rounds - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / rounds));
    }
  });

  it('end with what is known', async () => {
    const drafter = new SyntheticDrafter({ rates: [1], maxNodes: 4, vocabSize: 100 });
    drafter.foresee([1, 2, 3]);
    const { tree } = await drafter.draft({ ...requestFor([1, 2]), maxNodes: 4 });
    expect(Array.from(tree.tokens)).toEqual([3]);
  });
});
