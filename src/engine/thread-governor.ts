// Gives up threads while other processes keep cores busy. A batch waits for its slowest thread, and a thread without a core
// of its own is slower by far than one thread fewer.
import { availableParallelism } from 'node:os';
import type { ComputePool } from '../model/compute-pool.js';
import { coresOfOthers, readProcessorTime, type ProcessorTime } from './processor-time.js';

/** Options of {@link ThreadGovernor}. */
export interface ThreadGovernorOptions {
  readonly pool: Pick<ComputePool, 'threads' | 'active'>;
  readonly numCores?: number | undefined;
  readonly read?: (() => ProcessorTime) | undefined;
}

/** Milliseconds between readings at least: what the system counts is coarse. */
const interval = 250;
/** Beyond so many a reading tells of the time between generations, too. */
const longInterval = 2000;
/** Readings in a row that show others before threads are given up; one without them gives all back. */
const convincingReadings = 2;

/** Watches the processor's time from round to round. */
export class ThreadGovernor {
  readonly #pool: Pick<ComputePool, 'threads' | 'active'>;
  readonly #numCores: number;
  readonly #read: () => ProcessorTime;
  #last: ProcessorTime | undefined;
  #numBusy = 0;

  constructor({ pool, numCores = availableParallelism(), read = readProcessorTime }: ThreadGovernorOptions) {
    this.#pool = pool;
    this.#numCores = numCores;
    this.#read = read;
  }

  /**
   * To be called between batches, as often as one likes.
   * @returns whether others left fewer cores than computed since the last reading; undefined where none tells
   */
  tick(): boolean | undefined {
    if (this.#last !== undefined && performance.now() - this.#last.now < interval) return undefined;
    const reading = this.#read();
    const last = this.#last;
    this.#last = reading;
    if (last === undefined || reading.now - last.now > longInterval) return undefined;
    const free = Math.max(1, Math.floor(this.#numCores - coresOfOthers(last, reading) + 0.5));
    const isDisturbed = free < this.#pool.active;
    this.#numBusy = free < this.#pool.threads ? this.#numBusy + 1 : 0;
    if (this.#numBusy === 0) this.#set(this.#pool.threads);
    else if (this.#numBusy >= convincingReadings) this.#set(free);
    return isDisturbed;
  }

  #set(threads: number): void {
    if (this.#pool.active !== threads) this.#pool.active = threads;
  }
}
