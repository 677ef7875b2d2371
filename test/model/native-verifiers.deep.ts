import { describe, expect, it } from 'vitest';
import { compareTwins, twins } from '../helpers/verdict-parity.js';

const numRounds = 1_000_000;

describe.each(twins)('the native twin of $name', (verifier) => {
  it(`gives the same verdict on ${numRounds} random rounds`, () => {
    const { numAccepting, numRejecting } = compareTwins(verifier, 2, numRounds);
    expect(numAccepting).toBeGreaterThan(numRounds / 10);
    expect(numRejecting).toBeGreaterThan(numRounds / 10);
  });
});
