// Tokens a second while another process keeps one core busy, and how soon full speed is back when it ends; beside the same
// tokens undisturbed, for how many tokens a round brings goes with the text. `match` says the same, whatever was drafted.
// npm run bench:busy [-- PATH_OF_LLAMA_BENCH] [--repetitions N]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { max, median, min } from 'simple-statistics';
import { demoModel } from '../../src/cli/models.js';
import { createEngine } from '../../src/engine/engine.js';
import { loadModel } from '../../src/model/load-model.js';
import type { TokenId } from '../../src/types.js';
import { inflateTarget } from './inflated-target.js';
import { machine, settleMs } from './measure.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { repetitions: { type: 'string', default: '5' } },
});
const [llamaBench] = positionals;
const leadMs = 4000;
const busyMs = 6000;
const recoveryMs = 4000;
/** What the busy process costs is counted from so long after it started. */
const noticeMs = 1000;
/** Speed is that of at least so long a time. */
const windowMs = 500;
const folder = mkdtempSync(join(tmpdir(), 'outrider-busy-'));
const targetPath = join(folder, 'target.gguf');

/** A process that does nothing, as fast as it can. */
const keepBusy = () => spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' });

/** What was said, and when, in milliseconds since it began. */
interface Said {
  readonly tokens: readonly TokenId[];
  readonly times: readonly number[];
}

/** Who answers, under which seed. */
interface Speaker {
  readonly drafter: 'none' | 'model';
  readonly guard: boolean;
  readonly seed: number;
}

async function say({ drafter, guard, seed }: Speaker, isDisturbed: boolean): Promise<Said> {
  const [target, draft] = [await loadModel(targetPath), await loadModel(demoModel('draft'))];
  // As exact as it gets, so that the texts part late or never.
  const context = { contextSize: 8192, kvType: 'f32', flashAttention: 'off' } as const;
  const options = { target, draft, drafter, guard, context, keepAcceptance: false };
  const engine = await createEngine({ ...options, verifier: drafter === 'none' ? 'auto' : 'match' });
  await setTimeout(settleMs);
  const controller = new AbortController();
  const disturb = async (): Promise<void> => {
    await setTimeout(leadMs);
    const child = isDisturbed ? keepBusy() : undefined;
    await setTimeout(busyMs);
    child?.kill('SIGKILL');
    await setTimeout(recoveryMs);
    controller.abort();
  };
  const startedAt = performance.now();
  const disturbed = disturb();
  const tokens: TokenId[] = [];
  const times: number[] = [];
  const { signal } = controller;
  const settings = { maxTokens: 8000, ignoreEos: true, seed, signal };
  try {
    for await (const event of engine.generate('Once upon a time', settings)) {
      if (event.type !== 'token') continue;
      tokens.push(event.token);
      times.push(performance.now() - startedAt);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await disturbed;
  await engine.dispose();
  target.dispose();
  draft.dispose();
  return { tokens, times };
}

/** Of the same tokens undisturbed: what speed is kept beside the busy process, when 0.9 of it are back after it, and the last speed. */
interface Outcome {
  readonly quiet: number;
  readonly held: number;
  /** Seconds; infinite where it does not come back. */
  readonly back: number;
  readonly full: number;
}

/** undefined where the two texts part, which a near tie can do. */
function compare(alone: Said, disturbed: Said): Outcome | undefined {
  const until = leadMs + busyMs;
  const end = Math.min(alone.tokens.length, disturbed.tokens.length);
  if (disturbed.tokens.slice(0, end).some((token, index) => token !== alone.tokens[index])) return undefined;
  const indexAt = (time: number): number => disturbed.times.findIndex((other) => other >= time);
  /** Of the same tokens: how much longer they take undisturbed. */
  const speed = (from: number, to: number): number =>
    (alone.times[to]! - alone.times[from]!) / (disturbed.times[to]! - disturbed.times[from]!);
  let back = Infinity;
  for (let from = indexAt(until); from < end && back === Infinity; from++) {
    const to = indexAt(disturbed.times[from]! + windowMs);
    if (to < 0 || to >= end) break;
    if (speed(from, to) >= 0.9) back = Math.max(0, disturbed.times[from]! - until) / 1000;
  }
  const [first, last] = [indexAt(leadMs + noticeMs), indexAt(until)];
  return {
    quiet: (1000 * (last - first)) / (alone.times[last]! - alone.times[first]!),
    held: speed(first, last),
    back,
    full: speed(indexAt(disturbed.times[end - 1]! - 2000), end - 1),
  };
}

async function measure(name: string, drafter: 'none' | 'model', guard: boolean): Promise<void> {
  const outcomes: Outcome[] = [];
  let numParted = 0;
  for (let seed = 1; seed <= Number(values.repetitions); seed++) {
    const speaker = { drafter, guard, seed };
    const outcome = compare(await say(speaker, false), await say(speaker, true));
    if (outcome === undefined) numParted++;
    else outcomes.push(outcome);
  }
  if (outcomes.length === 0) throw new Error('The two texts part in every repetition');
  const words = (of: (outcome: Outcome) => number, digits: number): string => {
    const all = outcomes.map(of);
    return `${median(all).toFixed(digits)} (${min(all).toFixed(digits)} to ${max(all).toFixed(digits)})`;
  };
  process.stdout.write(
    `${name}: ${words(({ quiet }) => quiet, 0)} tokens/s, of which with a busy core ${words(({ held }) => held, 2)}, ` +
      `0.9 of it back after ${words(({ back }) => back, 1)} s, ${words(({ full }) => full, 2)} in the end; ${numParted} texts parted\n`,
  );
}

function measurePeer(path: string): void {
  const run = (): number => {
    const args = ['-m', targetPath, '-p', '0', '-n', '64', '-t', '2', '-r', '3', '-o', 'json'];
    const { stdout } = spawnSync(path, args, { encoding: 'utf8' });
    return (JSON.parse(stdout) as { avg_ts: number }[])[0]!.avg_ts;
  };
  const quiet = run();
  const child = keepBusy();
  const held = run();
  child.kill('SIGKILL');
  process.stdout.write(
    `llama.cpp: quiet ${quiet.toFixed(1)} tokens/s, with a busy core ${held.toFixed(1)} (${(held / quiet).toFixed(2)})\n`,
  );
}

try {
  const { parameters } = await inflateTarget(targetPath, { parameters: 3e8, tensorType: 'q8_0' });
  process.stdout.write(
    `${machine()}; target of ${(parameters / 1e6).toFixed(0)}M parameters in Q8_0, demo draft; ${values.repetitions} times: median (range)\n`,
  );
  await measure('plain, all threads always', 'none', false);
  await measure('plain', 'none', true);
  await measure('guarded', 'model', true);
  if (llamaBench !== undefined) measurePeer(llamaBench);
} finally {
  rmSync(folder, { recursive: true });
}
