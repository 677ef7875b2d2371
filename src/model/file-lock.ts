// One owner at a time for a path, across calls and processes. Knows nothing of what is guarded.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 100;
const beatMs = 1_000;
/** A lock that nobody known to live has touched for this long was left by a process that died. */
const staleMs = 5_000;
/** A process may compute for long between two beats; the number of one that died may be another's by now. */
const deafMs = 300_000;

/**
 * Runs `task` while holding the lock file `path`; waits for another holder first. The file names its owner, so that
 * one that died on this machine is noticed at once, and one that computes is not taken for dead.
 *
 * @throws `signal.reason` when aborted while waiting; whatever `task` throws
 */
export async function withFileLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  task: () => Promise<T>,
): Promise<T> {
  while (!tryCreate(path)) {
    if (await removeStale(path)) continue;
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

function tryCreate(path: string): boolean {
  try {
    // At once, so that a process hardly dies between the file and its content.
    writeFileSync(path, `${process.pid} ${hostname()} ${randomBytes(8).toString('hex')}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** True when the lock may be free now. */
async function removeStale(path: string): Promise<boolean> {
  const seen = await readFile(path, 'utf8').catch(() => undefined);
  if (seen === undefined) return false;
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  const patience = { dead: -Infinity, living: deafMs, unknown: staleMs }[ownerState(seen)];
  if (age <= patience) return false;
  // Another waiter may have removed it meanwhile, and a third one hold the lock by now.
  const taken = `${path}.${randomBytes(4).toString('hex')}`;
  await rename(path, taken).catch(() => undefined);
  const moved = await readFile(taken, 'utf8').catch(() => undefined);
  if (moved !== undefined && moved !== seen) await link(taken, path).catch(() => undefined);
  await rm(taken, { force: true });
  return true;
}

function ownerState(content: string): 'dead' | 'living' | 'unknown' {
  const [pid, host] = content.split(' ');
  if (!(Number(pid) > 0) || host !== hostname()) return 'unknown';
  try {
    process.kill(Number(pid), 0);
    return 'living';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'dead' : 'living';
  }
}
