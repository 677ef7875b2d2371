// What the processor spends on us and on others, as the system tells.
import { cpus } from 'node:os';

/** Processor time since some moment, in milliseconds. */
export interface ProcessorTime {
  /** Of all processes, over all cores; those at low priority, too, for they get their turns. */
  readonly all: number;
  readonly own: number;
  /** The time of the reading. */
  readonly now: number;
}

/** What the system tells. */
export function readProcessorTime(): ProcessorTime {
  const all = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  const { user, system } = process.cpuUsage();
  return { all, own: (user + system) / 1000, now: performance.now() };
}

/** Cores that other processes kept busy between two readings, on average. */
export function coresOfOthers(before: ProcessorTime, after: ProcessorTime): number {
  return (after.all - before.all - (after.own - before.own)) / (after.now - before.now);
}
