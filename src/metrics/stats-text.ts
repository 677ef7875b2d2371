// What an answer took and why, in lines for people.
import type { GenerationStats } from './counters.js';

/** Where the time went, what was drafted, what that gained, and why the guard decided as it did: a line each. */
export function statsLines(stats: GenerationStats): string[] {
  const { draftMs, decodeMs, verifyMs, overheadMs, speedup, guard } = stats;
  const total = draftMs + decodeMs + verifyMs + overheadMs;
  const share = (ms: number): string => `${(total > 0 ? (100 * ms) / total : 0).toFixed(0)} %`;
  const drafted =
    stats.draftTokens === 0
      ? 'nothing was drafted'
      : `${stats.draftTokens} tokens drafted, ${stats.acceptedTokens} of them accepted, in ` +
        `${stats.rounds - guard.plainRounds} rounds beside ${guard.plainRounds} plain ones`;
  return [
    `prompt: ${stats.promptTokens} tokens, ${stats.reusedPromptTokens} of them known, ${stats.promptMs.toFixed(0)} ms; ` +
      `first token after ${stats.timeToFirstTokenMs.toFixed(0)} ms`,
    `answer: ${stats.outputTokens} tokens in ${total.toFixed(0)} ms (${stats.tokensPerSecond.toFixed(1)} tokens/s): ` +
      `draft ${share(draftMs)}, decode ${share(decodeMs)}, verify ${share(verifyMs)}, rest ${share(overheadMs)}`,
    `drafts: ${drafted}`,
    `speedup: ${speedup === null ? 'not measured' : `${speedup.toFixed(2)} over plain decoding`}`,
    `guard: ${guard.state}${guard.reason === '' ? '' : `, ${guard.reason}`}`,
  ];
}
