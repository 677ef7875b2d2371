import { describe, expect, it } from 'vitest';
import {
  disturbances,
  numThrottles,
  thisMachine,
  throttleCounts,
  type MachineSource,
} from '../../src/bench/machine.js';

/** A machine of four cores with these files. */
function machineOf(files: Readonly<Record<string, string>>, load = 0): MachineSource {
  const list = (folder: string): string[] => {
    const inside = Object.keys(files).filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(inside.map((path) => path.slice(folder.length + 1).split('/')[0]!))];
  };
  return { list, read: (path) => files[path], load, numCores: 4 };
}

const cpu = '/sys/devices/system/cpu';
const supply = '/sys/class/power_supply';

describe('what disturbs a machine', () => {
  it('is nothing where the system tells nothing', () => expect(disturbances(machineOf({}))).toEqual([]));

  it('is what keeps more than a few of its cores busy', () => {
    expect(disturbances(machineOf({}, 0.6))).toEqual([]);
    expect(disturbances(machineOf({}, 1))).toEqual([
      'In the last minute 25 % of the cores were busy: times may vary.',
    ]);
  });

  it('is a battery that is used, and none that is charged', () => {
    const battery = (status: string) =>
      disturbances(machineOf({ [`${supply}/AC/online`]: '1', [`${supply}/BAT0/status`]: status }));
    expect(battery('Charging')).toEqual([]);
    expect(battery('Discharging')).toEqual(['On battery: the processor may be slower than on mains power.']);
  });

  it('is a governor that saves power', () => {
    const governor = (name: string) =>
      disturbances(machineOf({ [`${cpu}/cpu0/cpufreq/scaling_governor`]: name }));
    expect(governor('performance')).toEqual([]);
    expect(governor('powersave')).toEqual(['The frequency governor is powersave.']);
  });

  it('is not that it was throttled before', () => {
    expect(disturbances(machineOf({ [`${cpu}/cpu0/thermal_throttle/core_throttle_count`]: '7' }))).toEqual(
      [],
    );
  });

  it('is asked of this machine without fail', () => {
    expect(disturbances().every((sentence) => sentence.endsWith('.'))).toBe(true);
    expect(thisMachine().numCores).toBeGreaterThan(0);
  });
});

describe('throttling', () => {
  it('is counted by core, and not of what is no core', () => {
    const files = Object.fromEntries(
      ['cpu0', 'cpu1', 'cpufreq'].map((name, index) => [
        `${cpu}/${name}/thermal_throttle/core_throttle_count`,
        `${index + 3}`,
      ]),
    );
    expect(throttleCounts(machineOf(files))).toEqual([3, 4]);
    expect(throttleCounts(machineOf({ [`${cpu}/cpu0/online`]: '1' }))).toEqual([]);
  });

  it('between two moments is that of the core with the most', () => {
    expect(numThrottles([3, 10], [8, 12])).toBe(5);
    expect(numThrottles([3, 10], [3, 10])).toBe(0);
    expect(numThrottles([], [])).toBe(0);
  });

  it('is none where counts began anew or a core came meanwhile', () => {
    expect(numThrottles([5], [0])).toBe(0);
    expect(numThrottles([5], [5, 9])).toBe(0);
  });
});
