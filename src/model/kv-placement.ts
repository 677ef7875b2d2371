// Where the KV cache of a context lies: beside its layers, or in main memory when the device has no room left.
import type { NativeContextOptions } from '../bindings/native.js';
import { ModelLoadError } from '../errors.js';

/** A context that was created, and whether its KV cache lies on the devices of its layers. */
export interface PlacedContext<T> {
  readonly native: T;
  readonly offloadsKv: boolean;
}

/**
 * Creates a context; where `mayMove` and the memory runs out, once more with the cache in main memory.
 * @throws {ModelLoadError} OUT_OF_MEMORY when that does not fit either, or may not be tried
 */
export async function createWithinMemory<T>(
  settings: NativeContextOptions,
  mayMove: boolean,
  create: (settings: NativeContextOptions) => Promise<T>,
): Promise<PlacedContext<T>> {
  try {
    return { native: await create(settings), offloadsKv: settings.offloadKv };
  } catch (error) {
    const isMemory = error instanceof ModelLoadError && error.code === 'OUT_OF_MEMORY';
    if (!mayMove || !isMemory) throw error;
    return { native: await create({ ...settings, offloadKv: false }), offloadsKv: false };
  }
}
