// Runs a trial in a process of its own. Knows nothing of what is made of its samples.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { BenchError } from '../errors.js';
import type { TrialMessage, TrialPlan } from './trial.js';

const script = fileURLToPath(new URL('./trial-process.js', import.meta.url));

/**
 * Runs the trial and tells what comes of it as it comes.
 * @throws {BenchError} when the trial fails or its process dies, with its own words
 * @throws `signal.reason` when aborted; the process is ended
 */
export async function runTrialProcess(
  plan: TrialPlan,
  onMessage: (message: TrialMessage) => void,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const child = fork(script, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
  let tail = '';
  child.stderr!.on('data', (text: Buffer) => (tail = (tail + text.toString()).slice(-2000)));
  let failure: unknown;
  child.on('message', (message: TrialMessage | { readonly kind: 'failure'; readonly message: string }) => {
    if (failure !== undefined) return;
    if (message.kind === 'failure') failure = new BenchError(message.message);
    else {
      try {
        onMessage(message);
      } catch (error) {
        failure = error;
        child.kill('SIGKILL');
      }
    }
  });
  const abort = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    child.send(plan);
    const [code, killedBy] = await closed;
    signal?.throwIfAborted();
    if (failure !== undefined) throw failure;
    if (code === 0) return;
    throw new BenchError(
      `The process of the trial ended with ${killedBy ?? `status ${code}`}: ${tail.trim()}`,
    );
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
