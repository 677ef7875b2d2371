// How well the cost model predicts rounds of sizes and contexts that it was not calibrated with.
// npm run bench:cost
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import { demoModel } from '../../src/cli/models.js';
import type { RoundCost } from '../../src/cost/round-cost.js';
import { createEngine } from '../../src/engine/engine.js';
import { loadModel } from '../../src/model/load-model.js';
import type { RoundRecord } from '../../src/metrics/counters.js';
import { inflateTarget } from './inflated-target.js';
import { machine } from './measure.js';

const sizes = [3, 6, 7, 10, 12];
const lengths = [200, 700, 1400];
const roundsEach = 12;
const folder = mkdtempSync(join(tmpdir(), 'outrider-cost-'));
const path = join(folder, 'target.gguf');
type Round = RoundRecord & { readonly contextLength: number };

/** Rounds of a generation that begins after so many tokens. */
async function rounds(
  options: { tree: string; guard: boolean },
  length: number,
  maxTokens: number,
): Promise<{ rounds: Round[]; cost: RoundCost | undefined }> {
  const [target, draft] = [await loadModel(path), await loadModel(demoModel('draft'))];
  const context = { contextSize: 4096 };
  const engine = await createEngine({ target, draft, context, keepAcceptance: false, ...options });
  const prompt = Int32Array.from({ length }, (_, index) => (index === 0 ? 1 : 300 + ((index * 7) % 200)));
  const seen: Round[] = [];
  let contextLength = length;
  for await (const event of engine.generate(prompt, { maxTokens, seed: 1, ignoreEos: true })) {
    if (event.type !== 'round') continue;
    seen.push({ ...event.round, contextLength });
    contextLength += event.round.numAccepted + 1;
  }
  const { cost } = engine;
  await engine.dispose();
  target.dispose();
  draft.dispose();
  return { rounds: seen, cost };
}

try {
  const { parameters } = await inflateTarget(path, { parameters: 3e8, tensorType: 'q8_0' });
  process.stdout.write(`${machine()}; target of ${(parameters / 1e6).toFixed(0)}M parameters in Q8_0\n`);
  // What the guard knows after one answer of 200 tokens.
  const { cost } = await rounds({ tree: 'auto:16', guard: true }, 50, 200);
  const errors: number[] = [];
  for (const length of lengths) {
    for (const size of sizes) {
      const { rounds: measured } = await rounds(
        { tree: `chain:${size}`, guard: false },
        length,
        roundsEach * size,
      );
      const full = measured.filter(({ numDraftTokens }) => numDraftTokens === size).slice(2);
      const ms = median(full.map(({ roundMs }) => roundMs));
      const predicted = cost!.predict(size, median(full.map(({ contextLength }) => contextLength)))!;
      errors.push(Math.abs(predicted / ms - 1));
      process.stdout.write(
        `${size} draft tokens after ${length}: ${ms.toFixed(1)} ms, predicted ${predicted.toFixed(1)} (${(100 * (predicted / ms - 1)).toFixed(1)} %)\n`,
      );
    }
  }
  process.stdout.write(
    `median error ${(100 * median(errors)).toFixed(1)} %, largest ${(100 * Math.max(...errors)).toFixed(1)} %\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
