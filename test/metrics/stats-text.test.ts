import { describe, expect, it } from 'vitest';
import type { GenerationStats } from '../../src/metrics/counters.js';
import { statsLines } from '../../src/metrics/stats-text.js';

const stats: GenerationStats = {
  ...{ rounds: 12, draftTokens: 40, acceptedTokens: 30, acceptanceRate: 0.75, meanAcceptanceLength: 4 },
  ...{ acceptedPerPosition: [0.9], bias: 0, promptTokens: 20, reusedPromptTokens: 5, outputTokens: 42 },
  ...{ tokensPerSecond: 84, promptMs: 30, timeToFirstTokenMs: 41 },
  ...{ draftMs: 50, decodeMs: 400, verifyMs: 30, overheadMs: 20, speedup: 1.5 },
  guard: { state: 'speculating', reason: 'it pays', plainRounds: 2 },
};

describe('the lines about an answer', () => {
  it('tell where the time went, what was drafted, what it gained and why', () => {
    expect(statsLines(stats)).toEqual([
      'prompt: 20 tokens, 5 of them known, 30 ms; first token after 41 ms',
      'answer: 42 tokens in 500 ms (84.0 tokens/s): draft 10 %, decode 80 %, verify 6 %, rest 4 %',
      'drafts: 40 tokens drafted, 30 of them accepted, in 10 rounds beside 2 plain ones',
      'speedup: 1.50 over plain decoding',
      'guard: speculating, it pays',
    ]);
  });

  it('claim nothing of an answer without drafts, or without tokens', () => {
    const times = { draftMs: 0, decodeMs: 0, verifyMs: 0, overheadMs: 0 };
    const guard = { state: 'off', reason: '', plainRounds: 0 } as const;
    const [, answer, ...others] = statsLines({ ...stats, ...times, guard, draftTokens: 0, speedup: null });
    expect(answer).toContain('draft 0 %, decode 0 %');
    expect(others).toEqual(['drafts: nothing was drafted', 'speedup: not measured', 'guard: off']);
  });
});
