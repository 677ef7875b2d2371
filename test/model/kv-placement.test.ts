import { expect, it } from 'vitest';
import type { NativeContextOptions } from '../../src/bindings/native.js';
import { ContextCreateError, ModelLoadError } from '../../src/errors.js';
import { nativeContextOptions } from '../../src/model/context-options.js';
import { createWithinMemory } from '../../src/model/kv-placement.js';

const settings = nativeContextOptions({ contextSize: 512 }, 512);
const outOfMemory = new ModelLoadError('OUT_OF_MEMORY', 'no room');

/** A device with room for the cache or not, and what was asked of it. */
function device(fits: (attempt: NativeContextOptions) => boolean, failure: Error = outOfMemory) {
  const attempts: NativeContextOptions[] = [];
  const create = (attempt: NativeContextOptions): Promise<string> => {
    attempts.push(attempt);
    return fits(attempt) ? Promise.resolve('context') : Promise.reject(failure);
  };
  return { attempts, create };
}

it('leaves the cache on the device where it fits', async () => {
  const { attempts, create } = device(() => true);
  expect(await createWithinMemory(settings, true, create)).toEqual({ native: 'context', offloadsKv: true });
  expect(attempts).toEqual([settings]);
});

it('moves the cache to main memory where the device has no room, and says so', async () => {
  const { attempts, create } = device(({ offloadKv }) => !offloadKv);
  expect(await createWithinMemory(settings, true, create)).toEqual({ native: 'context', offloadsKv: false });
  expect(attempts).toEqual([settings, { ...settings, offloadKv: false }]);
});

it('fails where it does not fit either way, where the place was asked for, and for other reasons', async () => {
  const nowhere = device(() => false);
  await expect(createWithinMemory(settings, true, nowhere.create)).rejects.toBe(outOfMemory);
  expect(nowhere.attempts).toHaveLength(2);
  const fixed = device(({ offloadKv }) => !offloadKv);
  await expect(createWithinMemory(settings, false, fixed.create)).rejects.toBe(outOfMemory);
  expect(fixed.attempts).toHaveLength(1);
  const refusal = new ContextCreateError('head size');
  const refused = device(() => false, refusal);
  await expect(createWithinMemory(settings, true, refused.create)).rejects.toBe(refusal);
  expect(refused.attempts).toHaveLength(1);
});
