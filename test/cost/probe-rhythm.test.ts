import { describe, expect, it } from 'vitest';
import { ProbeRhythm, type ProbeProspect } from '../../src/cost/probe-rhythm.js';

const cheap: ProbeProspect = { expectedLoss: 0, beginTokens: 0, changeTokens: 0, usuallyPays: false };

/** A rhythm whose early probe of a generation was made already. */
function failedOnce(lostTokens: number): ProbeRhythm {
  const rhythm = new ProbeRhythm();
  rhythm.switchOff();
  rhythm.begin(true);
  rhythm.fail(lostTokens);
  return rhythm;
}

const count = (rhythm: ProbeRhythm, numTokens: number): void => {
  for (let token = 0; token < numTokens; token++) rhythm.count();
};

describe('probes while speculation is off', () => {
  it('come after sixteen tokens at first, and after each failure twice as late', () => {
    const rhythm = new ProbeRhythm();
    expect(rhythm.left(cheap)).toBe(16);
    rhythm.fail(0);
    expect(rhythm.left(cheap)).toBe(32);
    rhythm.fail(0);
    expect(rhythm.left(cheap)).toBe(64);
    rhythm.switchOn();
    expect(rhythm.left(cheap)).toBe(16);
  });

  it('cost less than a percent of the time, what one has lost and what one is expected to', () => {
    expect(failedOnce(8).left(cheap)).toBe(1000);
    expect(new ProbeRhythm().left({ ...cheap, expectedLoss: 4 })).toBe(500);
    expect(new ProbeRhythm().left({ ...cheap, expectedLoss: 400 })).toBe(2048);
  });

  it('come early in the next generation, as far as they are worth what they cost', () => {
    const rhythm = new ProbeRhythm();
    count(rhythm, 1000);
    rhythm.fail(8);
    rhythm.begin(true);
    expect(rhythm.left(cheap)).toBe(400);
    count(rhythm, 400);
    rhythm.begin(true);
    expect(rhythm.left(cheap)).toBe(16);
    expect(rhythm.left({ ...cheap, expectedLoss: 10 })).toBe(100);
  });

  it('come soon again where speculation usually pays, but no sooner than changes of size are worth', () => {
    const usual = { ...cheap, expectedLoss: 40, usuallyPays: true };
    expect(failedOnce(40).left(usual)).toBe(32);
    expect(failedOnce(40).left({ ...usual, changeTokens: 9 })).toBe(450);
    expect(failedOnce(40).left({ ...usual, usuallyPays: false })).toBe(5000);
  });

  it('hardly come where no draft could pay', () => {
    const rhythm = new ProbeRhythm();
    count(rhythm, 768);
    expect(rhythm.left(undefined)).toBe(32_000);
  });
});
