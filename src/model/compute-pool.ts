// Threads that compute. Contexts that run in turn share one pool.
import { availableParallelism } from 'node:os';
import { nativeCall } from '../bindings/native-error.js';
import { loadAddon } from '../bindings/load-addon.js';
import type { NativePool } from '../bindings/native.js';

const shared = new Map<number, ComputePool>();

/** A persistent set of threads with a queue: what is posted to it runs one after the other. */
export class ComputePool {
  readonly threads: number;
  /** @internal */
  readonly native: NativePool;
  #active: number;

  /** @param threads threads in all, at least 1; default: the cores this process may use */
  constructor(threads: number = availableParallelism()) {
    if (!Number.isInteger(threads) || threads < 1 || threads > 512) {
      throw new RangeError(`Expected an integer in [1, 512] for threads but received ${threads}`);
    }
    this.threads = threads;
    this.native = nativeCall(() => new (loadAddon().Pool)(threads));
    this.#active = threads;
  }

  /** Threads that compute, in [1, threads]; the others sleep. Holds from the next batch on. */
  get active(): number {
    return this.#active;
  }

  set active(threads: number) {
    if (!Number.isInteger(threads) || threads < 1 || threads > this.threads) {
      throw new RangeError(
        `Expected an integer in [1, ${this.threads}] for active threads but received ${threads}`,
      );
    }
    this.#active = threads;
    nativeCall(() => this.native.setActive(threads));
  }

  /** The pool of this thread count that contexts share unless they are given their own. */
  static shared(threads: number = availableParallelism()): ComputePool {
    let pool = shared.get(threads);
    if (pool === undefined) {
      pool = new ComputePool(threads);
      shared.set(threads, pool);
    }
    return pool;
  }
}
