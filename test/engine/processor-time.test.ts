import type * as os from 'node:os';
import { beforeEach, expect, it, vi } from 'vitest';
import * as allowed from '../../src/engine/allowed-cores.js';
import { coresOfOthers, readProcessorTime } from '../../src/engine/processor-time.js';

/** Milliseconds that each core was busy. */
const busy = vi.hoisted(() => ({ cores: [] as number[] }));
vi.mock('node:os', async (importOriginal) => ({
  ...(await importOriginal<typeof os>()),
  cpus: () => busy.cores.map((user) => ({ times: { user, nice: 0, sys: 0, irq: 0, idle: 0 } })),
}));

let now = 0;
beforeEach(() => {
  vi.restoreAllMocks();
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 0, system: 0 });
});

/** Cores of others in a second in which each core was busy for so long. */
function othersWhile(cores: readonly number[], own: readonly number[] | undefined): number {
  vi.spyOn(allowed, 'ownCores').mockReturnValue(own);
  busy.cores = cores.map(() => 0);
  const before = readProcessorTime();
  now += 1000;
  busy.cores = [...cores];
  return coresOfOthers(before, readProcessorTime());
}

it('others count on the cores that this process may run on, and on no others', () => {
  expect(othersWhile([500, 1000, 1000, 1000], [0, 1])).toBe(1.5);
  expect(othersWhile([0, 0, 1000, 1000], [0, 1])).toBe(0);
});

it('others are not known to be busy where it is not known which cores these are', () => {
  expect(othersWhile([1000, 1000, 1000, 1000], undefined)).toBe(0);
});
