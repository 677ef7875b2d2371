import { describe, expect, it } from 'vitest';
import { acceptanceFigures, timeShares } from '../../../src/bench/report/acceptance-figures.js';
import { fakeSample } from '../../helpers/bench-results.js';

describe('acceptance', () => {
  const samples = [
    // Two chains of 4, of which 4 and 1 tokens were accepted, and a tree of 6 nodes and depth 2 with nothing accepted.
    fakeSample({
      ...{ accepted: [4, 1, 0], drafted: [4, 4, 6], depths: [4, 4, 2] },
      ...{ draftTokens: 14, acceptedTokens: 5, plainRounds: 2 },
    }),
    fakeSample({
      ...{ accepted: [2], drafted: [4], depths: [4], draftTokens: 4, acceptedTokens: 2, plainRounds: 0 },
    }),
  ];

  it('is accepted tokens of drafted ones', () => {
    expect(acceptanceFigures(samples).acceptanceRate).toBe(7 / 18);
  });

  it('counts the bonus token of each round, and leaves plain rounds out', () => {
    expect(acceptanceFigures(samples).meanAcceptanceLength).toBe(7 / 4 + 1);
  });

  it('counts plain rounds as Spec-Bench does beside it', () => {
    expect(acceptanceFigures(samples).meanAcceptedTokens).toBe(7 / 6 + 1);
  });

  it('by position is of the rounds that drafted so deep', () => {
    expect(acceptanceFigures(samples).acceptedPerPosition).toEqual([3 / 4, 2 / 4, 1 / 3, 1 / 3]);
  });

  it('is known of a peer that does not tell its rounds', () => {
    const { acceptanceRate, meanAcceptanceLength } = acceptanceFigures([
      fakeSample({ draftTokens: 10, acceptedTokens: 5 }),
    ]);
    expect([acceptanceRate, meanAcceptanceLength]).toEqual([0.5, null]);
  });

  it('is null where nothing was drafted', () => {
    expect(acceptanceFigures([])).toEqual({
      ...{ acceptanceRate: null, meanAcceptanceLength: null, meanAcceptedTokens: null },
      acceptedPerPosition: [],
    });
  });
});

describe('shares of time', () => {
  it('are of the sum over answers whose times are known', () => {
    const times = { draft: 20, decode: 60, verify: 10, overhead: 10 };
    const other = { draft: 80, decode: 10, verify: 10, overhead: 0 };
    expect(
      timeShares([fakeSample({ times }), fakeSample({ times: null }), fakeSample({ times: other })]),
    ).toEqual({ draft: 0.5, decode: 0.35, verify: 0.1, overhead: 0.05 });
  });

  it('are null where no times are known', () => expect(timeShares([fakeSample()])).toBeNull());
});
