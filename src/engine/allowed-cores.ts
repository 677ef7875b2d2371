// Which cores this process may run on, where the system tells. Knows nothing of how busy they are.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Numbers of a list as the Linux kernel writes them, such as `0-3,8`; undefined where the text is none. */
export function coreNumbers(list: string): readonly number[] | undefined {
  const ranges = list.split(',').map((range) => /^(\d+)(?:-(\d+))?$/.exec(range.trim()));
  if (ranges.includes(null)) return undefined;
  return ranges.flatMap((range) => {
    const [first, last] = [Number(range![1]), Number(range![2] ?? range![1])];
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  });
}

/** What {@link allowedCores} goes by. */
export interface CoreFacts {
  /** Cores that the system counts time of, in the order of their numbers. */
  readonly numCores: number;
  /** Cores that this process may use at once. */
  readonly parallelism: number;
  /** Text of /proc/self/status; undefined where there is none. */
  readonly status?: string | undefined;
  /** Numbers of the counted cores as a list; undefined: counted from 0. */
  readonly online?: string | undefined;
}

/**
 * Positions, among the cores that the system counts time of, of those that this process may run on; undefined where they
 * are fewer and it is not known which, as under a quota of time, which holds on no core in particular.
 */
export function allowedCores({
  numCores,
  parallelism,
  status,
  online,
}: CoreFacts): readonly number[] | undefined {
  const counted = Array.from({ length: numCores }, (_, position) => position);
  const numbers = online === undefined ? counted : coreNumbers(online);
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status ?? '')?.[1];
  const allowed = list === undefined ? undefined : coreNumbers(list);
  const known =
    allowed === undefined || numbers?.length !== numCores
      ? counted
      : counted.filter((position) => allowed.includes(numbers[position]!));
  return known.length > parallelism || known.length === 0 ? undefined : known;
}

/** Those of this process now. */
export function ownCores(numCores: number): readonly number[] | undefined {
  return allowedCores({
    numCores,
    parallelism: availableParallelism(),
    status: textOf('/proc/self/status'),
    online: textOf('/sys/devices/system/cpu/online'),
  });
}

function textOf(file: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
