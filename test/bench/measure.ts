// What the benchmarks share: interleaved repetitions, medians, and the machine they ran on.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { median, sum } from 'simple-statistics';
import type { TurnAnswer } from '../../src/bench/contender.js';
import { deviceDescription } from '../../src/bench/machine.js';
import { Bootstrap, ratioOfMeans, type PairedFigures } from '../../src/bench/report/bootstrap.js';

/** Milliseconds after which ggml's threads have stopped waiting for work in a loop, which would slow the next one. */
export const settleMs = 500;

/** One way of doing the same work; called once a repetition, returns its figure. */
export type Contender = () => Promise<number>;

/**
 * Runs every contender `numWarmUps` times as a warm-up and then `repetitions` times, in turn, another one first each time.
 * @returns by name, the figures of each repetition
 */
export async function interleave(
  contenders: Readonly<Record<string, Contender>>,
  repetitions: number,
  numWarmUps = 2,
): Promise<Record<string, number[]>> {
  const figures: Record<string, number[]> = {};
  const names = Object.keys(contenders);
  for (let repetition = -numWarmUps; repetition < repetitions; repetition++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + repetition + numWarmUps) % names.length]!;
      await setTimeout(settleMs);
      const figure = await contenders[name]!();
      if (repetition >= 0) (figures[name] ??= []).push(figure);
    }
  }
  return figures;
}

/** Median over repetitions of the quotient of two contenders' figures. */
export function medianRatio(over: readonly number[], under: readonly number[]): number {
  return median(over.map((value, index) => value / under[index]!));
}

/** Tokens per second of a conversation's answers. */
export function speedOf(answers: readonly Pick<TurnAnswer, 'decodedTokens' | 'decodeMs'>[]): number {
  return (1000 * sum(answers.map((one) => one.decodedTokens))) / sum(answers.map((one) => one.decodeMs));
}

/** Ratio of mean speeds and its interval, in words. */
export function ratioInWords(pairs: readonly PairedFigures[]): string {
  const interval = new Bootstrap().interval(pairs);
  const range = interval === null ? '' : ` (${interval.low.toFixed(2)} to ${interval.high.toFixed(2)})`;
  return `${ratioOfMeans(pairs)!.toFixed(2)}${range}`;
}

/** A process that answers each line on its stdin with one line. */
export class LineServer {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async ask(line: string): Promise<string> {
    this.#process.stdin!.write(`${line}\n`);
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`${this.#process.spawnfile} ended without an answer to: ${line}`);
    return value;
  }

  async close(): Promise<void> {
    this.#process.stdin!.end();
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
  }
}

/** Date, processor and GPU if there is one, for the head of a report. */
export function machine(): string {
  return `${new Date().toISOString().slice(0, 10)}, ${deviceDescription()}`;
}
