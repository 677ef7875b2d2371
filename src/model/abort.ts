// Waiting for native promises under an AbortSignal. Knows nothing of what is computed.
import { isAborted, typedError } from '../bindings/native-error.js';

/**
 * Awaits a native promise; when `signal` fires, `abort` is called, and once the native side has stopped the
 * result rejects with `signal.reason`. Other failures become typed errors.
 */
export async function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  abort: () => void,
): Promise<T> {
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await promise;
  } catch (error) {
    if (isAborted(error) && signal?.aborted === true) throw signal.reason;
    throw typedError(error);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
