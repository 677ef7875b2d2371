// SHA-256 of files on disk. Knows nothing of models or networks.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/**
 * Streams a file through SHA-256 in constant memory.
 *
 * @returns 64 lower-case hex digits
 * @throws `signal.reason` when aborted; the error of the file system when the file cannot be read
 */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, { signal });
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    throw error;
  }
  return hash.digest('hex');
}
