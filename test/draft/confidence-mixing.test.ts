import { describe, expect, it } from 'vitest';
import { ConfidenceMixing, type Vote } from '../../src/draft/confidence-mixing.js';

const vote = (drafter: number, confidence: number): Vote => ({ drafter, confidence });

/** Lets `votes` come true in `numTrue` of every ten observations. */
function teach(mixing: ConfidenceMixing, votes: readonly Vote[], numTrue: number): void {
  for (let index = 0; index < 5000; index++) mixing.observe(votes, (7 * index) % 10 < numTrue);
}

describe('the mixing of confidences', () => {
  it('believes a drafter that nothing is known of, and takes the mean log-odds of two', () => {
    const mixing = new ConfidenceMixing();
    expect(mixing.combined([vote(0, 0.3)])).toBeCloseTo(0.3, 12);
    // Odds of 4 and 1/9: the root of their product is 2/3.
    expect(mixing.combined([vote(0, 0.8), vote(1, 0.1)])).toBeCloseTo(0.4, 12);
  });

  it('stays within (0, 1) whatever drafters claim', () => {
    const mixing = new ConfidenceMixing();
    for (const confidence of [0, 1]) {
      for (let index = 0; index < 1000; index++) mixing.observe([vote(0, confidence)], confidence === 0);
      const combined = mixing.combined([vote(0, confidence)]);
      expect(combined).toBeGreaterThan(0);
      expect(combined).toBeLessThan(1);
    }
  });

  it('learns how often each confidence comes true', () => {
    const mixing = new ConfidenceMixing();
    for (let turn = 0; turn < 20; turn++) {
      for (let index = 0; index < 100; index++) {
        mixing.observe([vote(0, 0.9)], (7 * index) % 10 < 6);
        mixing.observe([vote(0, 0.2)], (7 * index) % 10 < 3);
      }
    }
    expect(mixing.combined([vote(0, 0.9)])).toBeCloseTo(0.6, 1);
    expect(mixing.combined([vote(0, 0.2)])).toBeCloseTo(0.3, 1);
  });

  it('learns apart what drafters are worth alone and together', () => {
    const mixing = new ConfidenceMixing();
    teach(mixing, [vote(0, 0.5)], 1);
    teach(mixing, [vote(1, 0.5)], 3);
    teach(mixing, [vote(0, 0.5), vote(1, 0.5)], 8);
    expect(mixing.combined([vote(0, 0.5)])).toBeCloseTo(0.1, 1);
    expect(mixing.combined([vote(1, 0.5)])).toBeCloseTo(0.3, 1);
    expect(mixing.combined([vote(0, 0.5), vote(1, 0.5)])).toBeCloseTo(0.8, 1);
    expect(mixing.combined([vote(2, 0.5)])).toBe(0.5);
  });

  it('leans on the drafter that tells true from false', () => {
    const mixing = new ConfidenceMixing();
    for (let index = 0; index < 5000; index++) {
      const isTrue = (7 * index) % 10 < 5;
      mixing.observe([vote(0, isTrue ? 0.7 : 0.3), vote(1, index % 2 === 0 ? 0.9 : 0.1)], isTrue);
    }
    expect(mixing.combined([vote(0, 0.7), vote(1, 0.1)])).toBeGreaterThan(0.9);
    expect(mixing.combined([vote(0, 0.3), vote(1, 0.9)])).toBeLessThan(0.1);
  });
});
