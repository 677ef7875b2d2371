import { describe, expect, it } from 'vitest';
import { GenerationCounters, type RoundRecord } from '../../src/metrics/counters.js';
import { PlainPace } from '../../src/metrics/plain-pace.js';

/** A round of 10 ms: 3 drafting, 4 decoding, 2 verifying, 1 of overhead. */
const round = (
  numDraftTokens: number,
  numAccepted: number,
  more: Partial<RoundRecord> = {},
): RoundRecord => ({
  numDraftTokens,
  draftDepth: numDraftTokens,
  numAccepted,
  acceptedNodes: Array.from({ length: numAccepted }, (_, node) => node),
  bias: 0,
  isPlain: false,
  draftMs: 3,
  decodeMs: 4,
  verifyMs: 2,
  roundMs: 10,
  ...more,
});
const plain = (decodeMs: number): RoundRecord =>
  round(0, 0, { isPlain: true, draftMs: 0, decodeMs, verifyMs: 1, roundMs: decodeMs + 3 });

function statsOf(rounds: readonly RoundRecord[], isMeasuring = true) {
  const counters = new GenerationCounters(() => ({ state: isMeasuring ? 'measuring' : 'off', reason: '' }));
  for (const record of rounds) counters.round(record);
  return counters.stats;
}

describe('counters', () => {
  it('count plain rounds that others slow down, and do not hold drafts against them', () => {
    const settling = { ...plain(400), isSettling: true };
    const pace = new PlainPace();
    const counters = new GenerationCounters(() => ({ state: 'measuring', reason: '' }), pace);
    for (const record of [settling, settling, plain(19), plain(19), round(4, 3)]) counters.round(record, 10);
    expect(counters.stats.guard.plainRounds).toBe(4);
    // 20 ms for each of four tokens that came in 10 ms.
    expect(counters.stats.speedup).toBeCloseTo(8, 10);
    expect(pace.near(10)).toEqual([20, 20]);
  });

  it('compare an answer that measures little with plain tokens of the answers before', () => {
    const pace = new PlainPace();
    const speedupOf = (rounds: readonly RoundRecord[], contextLength: number): number | null => {
      const counters = new GenerationCounters(() => ({ state: 'speculating', reason: '' }), pace);
      for (const record of rounds) counters.round(record, contextLength);
      return counters.stats.speedup;
    };
    // Its own median is 21 ms: the first token, of 30, counts for nothing, here and in the next answers.
    expect(speedupOf([plain(29), plain(19), plain(21), round(4, 3)], 100)).toBe(
      (21 * 7) / (32 + 22 + 24 + 10),
    );
    expect(speedupOf([plain(29), round(4, 3)], 110)).toBe((21 * 5) / (32 + 10));
    // At another length there is nothing to compare with.
    expect(speedupOf([plain(29), round(4, 3)], 2000)).toBeNull();
  });

  it('divide accepted by drafted tokens', () => {
    const { draftTokens, acceptedTokens, acceptanceRate } = statsOf([round(4, 4), round(4, 0), round(2, 1)]);
    expect({ draftTokens, acceptedTokens, acceptanceRate }).toEqual({
      draftTokens: 10,
      acceptedTokens: 5,
      acceptanceRate: 0.5,
    });
  });

  it('count the recovered or bonus token in the mean acceptance length', () => {
    expect(statsOf([round(4, 4), round(4, 0), round(4, 2)]).meanAcceptanceLength).toBe((5 + 1 + 3) / 3);
  });

  it('count a round whole in the mean acceptance length, also when the output ended within it', () => {
    const counters = new GenerationCounters(() => ({ state: 'off', reason: '' }));
    counters.round(round(4, 4));
    counters.output(1);
    counters.output(2);
    expect(counters.stats).toMatchObject({ meanAcceptanceLength: 5, outputTokens: 2 });
  });

  it('tell for each depth the share of drafts that deep that were accepted', () => {
    expect(statsOf([round(3, 1), round(1, 1), round(3, 3), round(0, 0)]).acceptedPerPosition).toEqual([
      1,
      1 / 2,
      1 / 2,
    ]);
  });

  it('leave plain rounds out of acceptance but not out of rounds', () => {
    expect(statsOf([round(4, 2), plain(5), plain(5)])).toMatchObject({
      rounds: 3,
      draftTokens: 4,
      acceptanceRate: 0.5,
      meanAcceptanceLength: 3,
      acceptedPerPosition: [1, 1, 0, 0],
      guard: { state: 'measuring', reason: '', plainRounds: 2 },
    });
  });

  it('sum up times, and call overhead what is left of the rounds', () => {
    expect(statsOf([round(4, 2), plain(5)])).toMatchObject({
      draftMs: 3,
      decodeMs: 9,
      verifyMs: 3,
      overheadMs: 1 + 2,
    });
  });

  it('never tell a negative overhead', () => {
    expect(statsOf([round(4, 2, { roundMs: 8.9 })]).overheadMs).toBe(0);
  });

  it('compare tokens per millisecond with the median plain round, its overhead left out', () => {
    // Speculation: 6 tokens in 20 ms. Plain: 1 token in 6 ms; the slow round of 100 ms is not the median.
    const { speedup } = statsOf([round(4, 3), plain(5), plain(99), plain(4), round(4, 1)]);
    expect(speedup).toBeCloseTo((6 / 20) * 6, 12);
  });

  it('know no speedup without plain rounds, or with nothing else', () => {
    expect(statsOf([round(4, 3)]).speedup).toBeNull();
    expect(statsOf([plain(5)]).speedup).toBeNull();
  });

  it('divide output tokens by the time of the rounds, in seconds', () => {
    const counters = new GenerationCounters(() => ({ state: 'off', reason: '' }));
    counters.prompt(7, 2, 1000);
    counters.round(round(4, 1));
    for (const sinceStartMs of [1010, 1011]) counters.output(sinceStartMs);
    expect(counters.stats).toMatchObject({
      tokensPerSecond: 200,
      timeToFirstTokenMs: 1010,
      promptTokens: 7,
      reusedPromptTokens: 2,
      promptMs: 1000,
      guard: { state: 'off', reason: '', plainRounds: 0 },
    });
  });

  it('are all zero before the first round, and never NaN', () => {
    const { speedup, guard, acceptedPerPosition, ...figures } = statsOf([]);
    expect({ speedup, acceptedPerPosition, plainRounds: guard.plainRounds }).toEqual({
      speedup: null,
      acceptedPerPosition: [],
      plainRounds: 0,
    });
    expect(new Set(Object.values(figures))).toEqual(new Set([0]));
  });
});
