import { describe, expect, it } from 'vitest';
import { ExpectedTokens } from '../../src/cost/expected-tokens.js';
import { Trial } from '../../src/cost/trial.js';

describe('a trial', () => {
  it('adds up what its rounds brought and took, and knows what there was of their drafts', () => {
    const trial = new Trial(4, new ExpectedTokens(8));
    for (let round = 0; round < 20; round++) {
      const drafted = {
        numDraftTokens: 1,
        draftDepth: 1,
        numAccepted: 1,
        acceptedNodes: [0],
        bias: 0,
        isPlain: false,
      };
      trial.observe({ ...drafted, draftMs: 1, decodeMs: 8, verifyMs: 1, roundMs: 10 }, 4, 7);
    }
    expect([trial.rounds, trial.tokens, trial.ms, trial.worthMs]).toEqual([20, 40, 200, 140]);
    expect(trial.seen.accepted()[4]).toBeLessThan(1.5);
    expect(trial.seen.drafted()[4]).toBeLessThan(1.5);
  });
});
