// Waiting for native promises under an AbortSignal. Knows nothing of what is computed.
import { isAborted, typedError } from '../bindings/native-error.js';
import { DisposedError } from '../errors.js';

/**
 * Awaits a native promise; when `signal` fires, `abort` is called, and once the native side has stopped the
 * result rejects with `signal.reason`. Other failures become typed errors.
 * @throws {DisposedError} when the call was ended by a `dispose()`
 */
export async function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  abort: () => void,
): Promise<T> {
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await promise;
  } catch (error) {
    if (!isAborted(error)) throw typedError(error);
    if (signal?.aborted === true) throw signal.reason;
    throw new DisposedError('The object');
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
