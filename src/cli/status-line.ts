// One line about how a generation goes.
import type { GenerationResult } from '../engine/decode-loop.js';

/** Speed, acceptance and speedup, for people. */
export function statusLine({ stats, stitch, sparseDecisions, recheck, lossless }: GenerationResult): string {
  const parts = [`${stats.outputTokens} tokens`, `${stats.tokensPerSecond.toFixed(1)} tokens/s`];
  if (stats.draftTokens > 0) {
    parts.push(`acceptance ${(100 * stats.acceptanceRate).toFixed(0)} %`);
    parts.push(`${stats.meanAcceptanceLength.toFixed(2)} tokens a round`);
  }
  if (stitch !== undefined)
    parts.push(`${stitch.draftTokens} by the draft model in ${stitch.switches} switches`);
  if (sparseDecisions !== undefined) {
    const batches = Object.entries(sparseDecisions.batches).map(([left, count]) => `${left} ${count}`);
    if (batches.length > 0) parts.push(`left out: ${batches.join(', ')}`);
  }
  if (recheck !== undefined && recheck.rechecks > 0)
    parts.push(`${recheck.rechecks} rechecks of ${recheck.interval.toFixed(1)} tokens`);
  if (stats.speedup !== null) parts.push(`speedup ${stats.speedup.toFixed(2)} over plain decoding`);
  if (!lossless) parts.push('lossy');
  return parts.join(' | ');
}
