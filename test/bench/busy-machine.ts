// Tokens a second while another process keeps one core busy, and how soon full speed is back when it ends.
// npm run bench:busy [-- PATH_OF_LLAMA_BENCH]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { demoModel } from '../../src/cli/models.js';
import { createEngine } from '../../src/engine/engine.js';
import { loadModel } from '../../src/model/load-model.js';
import { inflateTarget } from './inflated-target.js';
import { machine } from './measure.js';

const [llamaBench] = process.argv.slice(2);
const quietMs = 6000;
const busyMs = 8000;
const recoveryMs = 5000;
/** Tokens a second are counted in windows of this length. */
const windowMs = 500;
const folder = mkdtempSync(join(tmpdir(), 'outrider-busy-'));
const targetPath = join(folder, 'target.gguf');

/** A process that does nothing, as fast as it can. */
const keepBusy = () => spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' });

async function measure(name: string, drafter: 'none' | 'model', guard: boolean): Promise<void> {
  const [target, draft] = [await loadModel(targetPath), await loadModel(demoModel('draft'))];
  const context = { contextSize: 8192 };
  const engine = await createEngine({ target, draft, drafter, guard, context, keepAcceptance: false });
  const startedAt = performance.now();
  const times: number[] = [];
  const controller = new AbortController();
  const busy = { from: quietMs, until: quietMs + busyMs };
  const generation = engine.generate('Once upon a time', {
    maxTokens: 8000,
    ignoreEos: true,
    seed: 1,
    signal: controller.signal,
  });
  const disturb = async (): Promise<void> => {
    await setTimeout(busy.from);
    const child = keepBusy();
    await setTimeout(busyMs);
    child.kill('SIGKILL');
    await setTimeout(recoveryMs);
    controller.abort();
  };
  const disturbed = disturb();
  try {
    for await (const event of generation) {
      if (event.type === 'token') times.push(performance.now() - startedAt);
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  }
  await disturbed;
  const speed = (from: number, until: number): number =>
    (1000 * times.filter((time) => time >= from && time < until).length) / (until - from);
  const quiet = speed(2000, busy.from);
  const held = speed(busy.from + 1000, busy.until);
  // Attention grows with the context: full speed is what is reached in the end.
  const full = speed(busy.until + recoveryMs - 2000, busy.until + recoveryMs);
  let back = busy.until;
  while (back < busy.until + recoveryMs && speed(back, back + windowMs) < 0.9 * full) back += 100;
  process.stdout.write(
    `${name}: quiet ${quiet.toFixed(1)} tokens/s, with a busy core ${held.toFixed(1)} (${(held / quiet).toFixed(2)}), ` +
      `full speed again ${full.toFixed(1)}, 0.9 of it ${((back - busy.until) / 1000).toFixed(1)} s after it ended\n`,
  );
  await engine.dispose();
  target.dispose();
  draft.dispose();
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
    `${machine()}; target of ${(parameters / 1e6).toFixed(0)}M parameters in Q8_0, demo draft\n`,
  );
  await measure('plain, all threads always', 'none', false);
  await measure('plain', 'none', true);
  await measure('guarded', 'model', true);
  if (llamaBench !== undefined) measurePeer(llamaBench);
} finally {
  rmSync(folder, { recursive: true });
}
