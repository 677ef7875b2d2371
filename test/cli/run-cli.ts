import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What a shell runs as `outrider`. */
export const cliEntry = fileURLToPath(new URL('../../bin/outrider.js', import.meta.url));

/** Options under which a run depends on nothing but its seed. */
export const exactOptions: readonly string[] =
  '--gpu off --threads 1 --kv-type f32 --flash-attention off --guard off'.split(' ');

/** What a run of the command line left behind. */
export interface CliOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** Starts `outrider`; the tests' models are tiny, so it computes on one CPU thread. */
export function startCli(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [cliEntry, ...args], { stdio: 'pipe' });
}

/** Runs `outrider` to its end. */
export async function runCli(args: readonly string[], input = ''): Promise<CliOutcome> {
  const child = startCli(args);
  child.stdin!.end(input);
  return outcomeOf(child);
}

/** Waits for the end of a process. */
export async function outcomeOf(child: ChildProcess): Promise<CliOutcome> {
  const [stdout, stderr] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'close'),
  ]);
  return { stdout, stderr, status: child.exitCode };
}
