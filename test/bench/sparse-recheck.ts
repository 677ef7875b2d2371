// Generating on a long context: plain, speculating, and speculating with a thinned target that a dense batch rechecks.
// npm run bench:sparse-recheck [-- LENGTH...]; OUTRIDER_PARAMETERS is the size of the target, 1e9 where it is not given
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import { demoModel } from '../../src/cli/models.js';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { inflateModel } from '../../src/gguf/inflate.js';
import { loadModel } from '../../src/model/load-model.js';
import { interleave, machine, medianRatio } from './measure.js';

const repetitions = 5;
const maxTokens = 64;
const budget = 1024;
const parameters = Number(process.env['OUTRIDER_PARAMETERS'] ?? 1e9);
const lengths = process.argv.slice(2).map(Number);
if (lengths.length === 0) lengths.push(3900);
const folder = mkdtempSync(join(tmpdir(), 'outrider-recheck-'));
const targetPath = join(folder, 'target.gguf');

const tree = 'chain:4';
const methods: Record<string, Omit<EngineOptions, 'target' | 'draft'>> = {
  plain: { drafter: 'none' },
  'dense, chain:4': { tree },
  // With its root a batch of 64, for which the CPU's kernel reads keys once for many tokens.
  'rechecked after 63': { tree, sparse: { attention: budget, recheckTokens: 63 } },
  'guarded, rechecked where it pays': { tree, guard: true, sparse: { attention: budget } },
  'not rechecked': { tree, sparse: { attention: budget, recheck: 'off', auditEvery: 0 } },
  'not rechecked, auto': {
    tree,
    sparse: { policy: 'auto', attention: budget, recheck: 'off', auditEvery: 0 },
  },
};

try {
  const shape = inflateModel(demoModel('target'), targetPath, { parameters, tensorType: 'q4_0' });
  const [small, target, draft] = [
    await loadModel(demoModel('target')),
    await loadModel(targetPath),
    await loadModel(demoModel('draft')),
  ];
  process.stdout.write(
    `${machine()}; demo pair, target inflated to ${(shape.parameters / 1e6).toFixed(0)}M parameters in Q4_0, ${maxTokens} tokens, ` +
      `temperature 1, ${budget} of the context read\n`,
  );
  for (const length of lengths) {
    const contextSize = length + maxTokens + 64;
    const writer = await createEngine({ target: small, drafter: 'none', context: { contextSize } });
    const written = await writer.generate('The', { maxTokens: length, seed: 1, ignoreEos: true }).finish();
    await writer.dispose();
    const prompt = written.tokens.slice(0, length);
    const engines: Record<string, Engine> = {};
    const statePath = join(folder, `${length}.state`);
    for (const [name, options] of Object.entries(methods)) {
      const drafted = options.drafter === 'none' ? {} : { draft };
      engines[name] = await createEngine({
        target,
        ...drafted,
        ...options,
        context: { contextSize },
        measureSpeedup: false,
        keepAcceptance: false,
        guard: options.guard ?? false,
      });
      // Read once, then copied.
      if (existsSync(statePath)) await engines[name].sequence.load(statePath);
      process.stderr.write(`${name}: reading ${length} tokens\n`);
      await engines[name].generate(prompt, { maxTokens: 1 }).finish();
      if (!existsSync(statePath)) await engines[name].sequence.save(statePath);
    }
    const lengthsOf: Record<string, number[]> = {};
    const told: Record<string, unknown[]> = {};
    const contenders = Object.fromEntries(
      Object.entries(engines).map(([name, engine]) => {
        const options = methods[name]!;
        let seed = 0;
        const run = async (): Promise<number> => {
          const { stats, recheck, sparseDecisions } = await engine
            .generate(prompt, { maxTokens, seed: seed++, ignoreEos: true })
            .finish();
          (lengthsOf[name] ??= []).push(stats.meanAcceptanceLength);
          told[name] = [recheck, sparseDecisions, options.guard && stats.guard].filter(Boolean);
          return stats.tokensPerSecond;
        };
        return [name, run];
      }),
    );
    const figures = await interleave(contenders, repetitions);
    for (const name of Object.keys(methods)) {
      const speeds = figures[name]!;
      process.stdout.write(
        `${length} tokens, ${name}: ${median(speeds).toFixed(1)} tokens/s, ${medianRatio(speeds, figures['plain']!).toFixed(2)} times ` +
          `plain; mean acceptance length ${median(lengthsOf[name]!).toFixed(2)}\n`,
      );
      for (const figures of told[name]!) process.stdout.write(`  in the end ${JSON.stringify(figures)}\n`);
    }
    for (const engine of Object.values(engines)) await engine.dispose();
  }
  for (const model of [small, target, draft]) model.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
