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

/** Share of the cores that others may keep busy before it is worth a note. */
const quietLoad = 0.15;

/** What may disturb measurements: a sentence each. */
export function disturbances(): string[] {
  const load = loadavg()[0]! / cpus().length;
  return [
    ...(load > quietLoad
      ? [`Other processes keep ${(100 * load).toFixed(0)} % of the cores busy: times will vary.`]
      : []),
    ...onBattery(),
    ...throttled(),
    ...governed(),
  ];
}

function onBattery(): string[] {
  const folder = '/sys/class/power_supply';
  const isDischarging = list(folder).some((name) => read(`${folder}/${name}/status`) === 'Discharging');
  return isDischarging ? ['On battery: the processor may be slower than on mains power.'] : [];
}

function throttled(): string[] {
  const counts = list('/sys/devices/system/cpu')
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => Number(read(`/sys/devices/system/cpu/${name}/thermal_throttle/core_throttle_count`) ?? 0));
  const most = Math.max(0, ...counts);
  return most > 0 ? [`The processor has been throttled for heat ${most} times since it was started.`] : [];
}

function governed(): string[] {
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
