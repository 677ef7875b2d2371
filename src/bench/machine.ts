// The machine that a benchmark runs on, and what disturbs it, where the system tells.
import { readFileSync, readdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { listDevices } from '../model/gpu-plugins.js';

/** Processor and GPU, if there is one. */
export function deviceDescription(): string {
  const [cpu] = cpus();
  const gpu = listDevices().find(({ type }) => type === 'gpu');
  const parts = [`${cpu?.model ?? 'unknown processor'}, ${cpus().length} threads`];
  if (gpu !== undefined) parts.push(gpu.description);
  return parts.join(', ');
}

/** What the system tells of itself, in files as Linux has them and as the mean number of running processes of a minute. */
export interface MachineSource {
  /** Names in a folder; none where it is not there. */
  list(folder: string): readonly string[];
  /** A file's text; undefined where it is not there. */
  read(path: string): string | undefined;
  readonly load: number;
  readonly numCores: number;
}

/** This machine as it is now. */
export function thisMachine(): MachineSource {
  return { list, read, load: loadavg()[0]!, numCores: cpus().length };
}

/** Share of the cores that may have been busy before it is worth a note. */
const quietLoad = 0.15;

/** What may disturb measurements that begin now: a sentence each. */
export function disturbances(machine: MachineSource = thisMachine()): string[] {
  const load = machine.load / machine.numCores;
  return [
    ...(load > quietLoad
      ? [`In the last minute ${(100 * load).toFixed(0)} % of the cores were busy: times may vary.`]
      : []),
    ...onBattery(machine),
    ...governed(machine),
  ];
}

/** How often each core was throttled for heat since the system was started; empty where it does not tell. */
export function throttleCounts(machine: Pick<MachineSource, 'list' | 'read'> = { list, read }): number[] {
  const folder = '/sys/devices/system/cpu';
  return machine
    .list(folder)
    .filter((name) => /^cpu\d+$/.test(name))
    .flatMap((name) => machine.read(`${folder}/${name}/thermal_throttle/core_throttle_count`) ?? [])
    .map(Number);
}

/** How often the core that was throttled most was, between two {@link throttleCounts}. */
export function numThrottles(before: readonly number[], after: readonly number[]): number {
  return Math.max(0, ...after.map((count, core) => count - (before[core] ?? count)));
}

function onBattery({ list, read }: MachineSource): string[] {
  const folder = '/sys/class/power_supply';
  const isDischarging = list(folder).some((name) => read(`${folder}/${name}/status`) === 'Discharging');
  return isDischarging ? ['On battery: the processor may be slower than on mains power.'] : [];
}

function governed({ read }: MachineSource): string[] {
  const governor = read('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor');
  return governor === 'powersave' ? ['The frequency governor is powersave.'] : [];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
