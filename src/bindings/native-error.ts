// Coded errors of the addon -> typed errors of the library; the one table of them.
import {
  ContextCreateError,
  ContextFullError,
  DecodeError,
  DisposedError,
  ModelLoadError,
  OutriderError,
  ShapeError,
  StateFileError,
  UnsupportedCacheError,
} from '../errors.js';

interface CodedError extends Error {
  readonly code?: string;
  readonly needed?: number;
  readonly available?: number;
  readonly status?: number;
}

/** True when the call ended because it was aborted. */
export function isAborted(error: unknown): boolean {
  return error instanceof Error && (error as CodedError).code === 'ABORTED';
}

/** The typed error for what the addon threw; anything unknown is returned as it is. */
export function typedError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof OutriderError) return error;
  const { code, message, needed, available, status } = error as CodedError;
  const options = { cause: error };
  switch (code) {
    case 'MODEL_NOT_FOUND':
    case 'MODEL_INVALID':
    case 'MODEL_UNSUPPORTED':
    case 'MODEL_LOAD':
    case 'OUT_OF_MEMORY':
      return new ModelLoadError(code, message, options);
    case 'CONTEXT_CREATE':
      return new ContextCreateError(message, options);
    case 'CONTEXT_FULL':
      return new ContextFullError(needed ?? 0, available ?? 0);
    case 'BATCH_TOO_LARGE':
    case 'PLUGIN':
      return new OutriderError(code, message, options);
    case 'DECODE':
      return new DecodeError(message, status ?? 0);
    case 'SHAPE':
      return new ShapeError(message);
    case 'UNSUPPORTED_CACHE':
      return new UnsupportedCacheError(message);
    case 'STATE_FILE':
      return new StateFileError(message, options);
    case 'DISPOSED':
      return new DisposedError('The object');
    case 'INVALID_ARGUMENT':
      return new RangeError(message, options);
    default:
      return error;
  }
}

/** Runs a call into the addon and turns what it throws into a typed error. */
export function nativeCall<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw typedError(error);
  }
}
