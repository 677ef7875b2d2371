// SHA-256 of files on disk. Knows nothing of models or networks.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/**
 * Streams a file through SHA-256 in constant memory.
 *
 * @param onProgress  told the share of the file that has been read
 * @returns 64 lower-case hex digits
 * @throws `signal.reason` when aborted; the error of the file system when the file cannot be read
 */
export async function sha256OfFile(
  path: string,
  signal?: AbortSignal,
  onProgress?: (share: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  const { size } = await stat(path);
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let numRead = 0;
    for await (const chunk of chunks) {
      yield chunk;
      numRead += chunk.length;
      onProgress?.(Math.min(1, numRead / size));
    }
  }
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), counted, hash, { signal });
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    throw error;
  }
  return hash.digest('hex');
}
