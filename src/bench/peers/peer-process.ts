// A peer's process: what it says, and that it ends. Knows nothing of models or protocols.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { PeerError } from '../../errors.js';

/** Characters of stderr that an error carries. */
const tailLength = 2000;
/** Characters of stderr that are kept, for those who read figures there. */
const keptLength = 100_000;
/** Milliseconds from a broken connection to the end of the process that broke it. */
const deathMs = 1000;
/** Milliseconds after which a process that was asked to end is killed; more than its own program has. */
const killMs = 3000;

/** The last characters of what a process wrote to stderr. */
export function stderrTail(text: string): string {
  const tail = text.trim().slice(-tailLength);
  return tail === '' ? 'It said nothing.' : `The end of its stderr:\n${tail}`;
}

/** How a process ended, in words. */
function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
}

/** A node process that ends when its stdin closes: on {@link PeerProcess.close}, and however this process ends. */
export class PeerProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #stderr = '';
  #isClosed = false;

  /** @param args of node; the process must end when its stdin closes */
  constructor(name: string, args: readonly string[]) {
    this.#name = name;
    this.#child = spawn(process.execPath, args, { stdio: 'pipe', windowsHide: true });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-keptLength);
    });
    // A process that has ended takes no more input; that it ended is told elsewhere.
    this.#child.stdin!.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', (error) => (this.#stderr += error.message));
      this.#child.on('close', resolve);
      // Something that it left running may keep its output open.
      this.#child.on('exit', (code) => void setTimeout(deathMs, code, { ref: false }).then(resolve));
    });
  }

  /** What it writes; to be read, or the process stands still. */
  get stdout(): Readable {
    return this.#child.stdout!;
  }

  /** What it wrote to stderr, or the last 100,000 characters of it. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Writes a line to its stdin. */
  send(line: string): void {
    if (!this.#isClosed) this.#child.stdin!.write(`${line}\n`);
  }

  /** Waits for the process to end; the status it ended with, null when it was killed. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  /**
   * The outcome of some work that the process does.
   * @throws {PeerError} when the process ends before, with the tail of its stderr
   */
  async during<Outcome>(work: Promise<Outcome>): Promise<Outcome> {
    const death = this.#ended.then(() => {
      throw this.failure();
    });
    // Work that fails because the process is ending fails a moment before that is known.
    const outcome = work.catch(async (error: unknown) => {
      await Promise.race([death, setTimeout(deathMs, undefined, { ref: false })]);
      throw error;
    });
    return Promise.race([outcome, death]);
  }

  /** That the process ended, and the tail of its stderr. */
  failure(): PeerError {
    const { exitCode, signalCode } = this.#child;
    const end = this.#isClosed ? 'was closed' : endOf(exitCode, signalCode);
    return new PeerError(`${this.#name} ${end}. ${stderrTail(this.#stderr)}`);
  }

  /** Ends the process; what it was doing rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#child.stdin!.end();
    const kill = new AbortController();
    const killed = setTimeout(killMs, undefined, { signal: kill.signal }).then(
      () => void this.#child.kill('SIGKILL'),
      () => undefined,
    );
    await this.#ended;
    kill.abort();
    await killed;
    this.#child.stdout!.destroy();
    this.#child.stderr!.destroy();
  }
}
