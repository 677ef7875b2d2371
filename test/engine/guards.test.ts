import { expect, it } from 'vitest';
import { Guards } from '../../src/engine/guards.js';

it('guards of all ways of sampling know what plain tokens took of late', () => {
  const batches = [1, 5].map((numTokens) => ({ numTokens, contextLength: 0, ms: 10 * numTokens }));
  const options = { maxNodes: 4, isMeasuring: true, isWeightless: true };
  const guards = new Guards({ ...options, calibration: { batches, drafts: [] } });
  expect(guards.of('temperature 0').plan(100).numPlainTokens).toBe(3);
  for (const ms of [10, 11]) guards.pace.observe(100, ms);
  for (const kind of ['temperature 0', 'temperature 1'])
    expect(guards.of(kind).plan(100).numPlainTokens).toBe(1);
});
