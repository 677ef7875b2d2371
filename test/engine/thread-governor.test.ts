import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readProcessorTime, type ProcessorTime } from '../../src/engine/processor-time.js';
import { ThreadGovernor } from '../../src/engine/thread-governor.js';

describe('the threads of an engine', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Ticks every 50 ms while `others` cores are busy with other work and `own` with ours. */
  function watch(threads: number, numCores: number) {
    const pool = { threads, active: threads };
    let time: ProcessorTime = { all: 0, own: 0, now: performance.now() };
    const governor = new ThreadGovernor({ pool, numCores, read: () => time });
    const told: (boolean | undefined)[] = [];
    const run = (ms: number, others: number, own = threads): number => {
      for (let passed = 0; passed < ms; passed += 50) {
        vi.advanceTimersByTime(50);
        time = { all: time.all + 50 * (others + own), own: time.own + 50 * own, now: performance.now() };
        told.push(governor.tick());
      }
      return pool.active;
    };
    return { run, told };
  }

  it('give way to a process that keeps a core busy, and come back when it has ended', () => {
    const { run } = watch(2, 2);
    expect(run(1000, 0)).toBe(2);
    expect(run(1000, 1, 1)).toBe(1);
    expect(run(5000, 1, 1)).toBe(1);
    expect(run(600, 0)).toBe(2);
  });

  it('are told of others that disturb them by every reading, from the first that has one before it', () => {
    const { run, told } = watch(2, 2);
    run(550, 0);
    run(750, 1, 1);
    // One thread has a core of its own.
    expect(told.filter((isDisturbed) => isDisturbed !== undefined)).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
    // A reading after a long time tells of more than rounds.
    vi.advanceTimersByTime(5000);
    told.length = 0;
    run(50, 0);
    expect(told).toEqual([undefined]);
  });

  it('stay where a moment of other work passes, or where there are cores for all', () => {
    const { run } = watch(2, 2);
    run(500, 0);
    expect(run(250, 1)).toBe(2);
    expect(run(1000, 0.2)).toBe(2);
    expect(watch(4, 8).run(3000, 3)).toBe(4);
    expect(watch(4, 8).run(3000, 6, 2)).toBe(2);
    expect(watch(2, 2).run(3000, 2, 0.5)).toBe(1);
  });
});

it('the processor time of this process is part of that of all', () => {
  const before = readProcessorTime();
  const until = performance.now() + 300;
  while (performance.now() < until);
  const after = readProcessorTime();
  expect(after.own - before.own).toBeGreaterThan(20);
  // The system counts in ticks of some milliseconds.
  expect(after.all - before.all).toBeGreaterThan(0.5 * (after.own - before.own));
});
