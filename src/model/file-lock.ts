// One owner at a time for a path, across calls and processes. Knows nothing of what is guarded.
import { open, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 100;
const beatMs = 1_000;
/** A lock whose owner has not touched it for this long was left by a process that died. */
const staleMs = 5_000;

/**
 * Runs `task` while holding the lock file `path`; waits for another holder first.
 *
 * @throws `signal.reason` when aborted while waiting; whatever `task` throws
 */
export async function withFileLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  task: () => Promise<T>,
): Promise<T> {
  while (!(await tryCreate(path))) {
    await removeStale(path);
    await sleep(pollMs);
    signal?.throwIfAborted();
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, beatMs);
  heartbeat.unref();
  try {
    return await task();
  } finally {
    clearInterval(heartbeat);
    await rm(path, { force: true });
  }
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function removeStale(path: string): Promise<void> {
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  if (age > staleMs) await rm(path, { force: true });
}
