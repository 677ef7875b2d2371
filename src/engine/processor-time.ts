// What the processor spends on us and on others, as the system tells.
import { cpus } from 'node:os';
import { ownCores } from './allowed-cores.js';

/** Processor time since some moment, in milliseconds. */
export interface ProcessorTime {
  /**
   * Of all processes, over the cores that this one may run on; those at low priority, too, for they get their turns. This
   * process's own where it is not known which cores these are: then others are not known to be busy.
   */
  readonly all: number;
  readonly own: number;
  /** The time of the reading. */
  readonly now: number;
}

/** What the system tells. */
export function readProcessorTime(): ProcessorTime {
  const spent = cpus().map(({ times }) => times.user + times.nice + times.sys + times.irq);
  const { user, system } = process.cpuUsage();
  const own = (user + system) / 1000;
  const all = ownCores(spent.length)?.reduce((sum, core) => sum + spent[core]!, 0) ?? own;
  return { all, own, now: performance.now() };
}

/** Cores that other processes kept busy between two readings, on average, of those that this one may run on. */
export function coresOfOthers(before: ProcessorTime, after: ProcessorTime): number {
  return (after.all - before.all - (after.own - before.own)) / (after.now - before.now);
}
