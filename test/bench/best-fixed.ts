// The guard against the best fixed setting: a sweep finds that one, and engines made anew measure it again beside the guard.
// npm run bench:best-fixed [-- TARGET DRAFT] [--workload NAME]... [--temperature T]... [--sweep-prompts N] [--prompts N]
// [--max-tokens N] [--settings 'NAME;..'] [--json FILE]; without models the demo target inflated to 300M parameters in Q8_0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mean } from 'simple-statistics';
import { converse, PromptWriter } from '../../src/bench/conversation.js';
import { EngineContender } from '../../src/bench/contender.js';
import { readWorkload, type BenchPrompt } from '../../src/bench/workload.js';
import { demoModel, demoTasks } from '../../src/cli/models.js';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { loadModels } from '../../src/model/load-model.js';
import { inflateTarget } from './inflated-target.js';
import { interleave, machine, ratioInWords, speedOf } from './measure.js';

type Setting = Pick<EngineOptions, 'drafter' | 'tree' | 'guard' | 'measureSpeedup'>;

const always = { guard: false, measureSpeedup: false } as const;
const mixed = ['model', 'suffix'] as const;
/** What is swept. */
const fixed: Readonly<Record<string, Setting>> = {
  ...Object.fromEntries(
    ['chain:2', 'chain:3', 'chain:4', 'chain:6', 'chain:8', 'chain:12', 'auto:4', 'auto:8', 'auto:12'].map(
      (tree) => [tree, { tree, ...always }],
    ),
  ),
  'suffix, chain:4': { drafter: 'suffix', tree: 'chain:4', ...always },
  'suffix, chain:8': { drafter: 'suffix', tree: 'chain:8', ...always },
  'model+suffix, auto:8': { drafter: mixed, tree: 'auto:8', ...always },
};
/** The default: model and suffix, and the guard. */
const guarded: Readonly<Record<string, Setting>> = { guarded: {} };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    workload: { type: 'string', multiple: true, default: ['stories', 'edits', 'chats', 'extraction'] },
    temperature: { type: 'string', multiple: true, default: ['0', '1'] },
    'sweep-prompts': { type: 'string', default: '3' },
    prompts: { type: 'string', default: '8' },
    'max-tokens': { type: 'string', default: '128' },
    settings: { type: 'string' },
    json: { type: 'string' },
  },
});
const contextSize = 1024;
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), 'outrider-fixed-'));

async function modelPaths(): Promise<readonly string[]> {
  if (positionals.length > 0) return [positionals[0]!, positionals[1] ?? demoModel('draft')];
  const path = join(folder, 'target.gguf');
  await inflateTarget(path, { parameters: 3e8, tensorType: 'q8_0' });
  return [path, demoModel('draft')];
}

/** Tokens per second of each answer, by setting; one list a prompt. */
type Figures = Readonly<Record<string, number[]>>[];

try {
  const [target, draft] = await loadModels(await modelPaths());
  const shared = { target: target!, context: { contextSize }, keepAcceptance: false };
  const writer = new PromptWriter(target!, contextSize);
  const wanted = values.settings?.split(';');
  const swept = Object.keys(fixed).filter((name) => wanted?.includes(name) ?? true);

  async function race(
    settings: Readonly<Record<string, Setting>>,
    prompts: readonly BenchPrompt[],
    temperature: number,
  ): Promise<Figures> {
    const engines: Record<string, Engine> = {
      plain: await createEngine({ ...shared, drafter: 'none', guard: false }),
    };
    const figures: Figures = [];
    try {
      for (const [name, setting] of Object.entries(settings))
        engines[name] = await createEngine({ ...shared, draft: draft!, ...setting });
      for (const [seed, prompt] of prompts.entries()) {
        const options = {
          maxTokens: Number(values['max-tokens']),
          sampling: { temperature },
          ignoreEos: true,
          seed,
        };
        const ask = (engine: Engine) => async (): Promise<number> => {
          const { answers } = await converse(new EngineContender(engine), prompt, {
            writer,
            settings: options,
          });
          return speedOf(answers);
        };
        const asked = Object.entries(engines).map(([name, engine]) => [name, ask(engine)] as const);
        figures.push(await interleave(Object.fromEntries(asked), 1, seed === 0 ? 1 : 0));
      }
    } finally {
      for (const engine of Object.values(engines)) await engine.dispose();
    }
    return figures;
  }

  const speedup = (figures: Figures, name: string): number =>
    mean(figures.map((of) => of[name]![0]!)) / mean(figures.map((of) => of['plain']![0]!));

  const ratio = (figures: Figures, name: string, over: string): string =>
    ratioInWords(
      figures.map((of, prompt) => ({ cluster: `${prompt}`, plain: of[over]![0]!, method: of[name]![0]! })),
    );

  print(
    `${machine()}; ${target!.info.description}; ${values['sweep-prompts']} prompts swept, ${values.prompts} compared`,
  );
  print('| Workload, temperature | best of the sweep | best again | guarded | guarded over best |');
  print('| --- | --- | --- | --- | --- |');
  const all: unknown[] = [];
  for (const workload of values.workload) {
    const { prompts } = await readWorkload(join(demoTasks, `${workload}.jsonl`));
    const [numSwept, numCompared] = [Number(values['sweep-prompts']), Number(values.prompts)];
    for (const temperature of values.temperature.map(Number)) {
      const settings = Object.fromEntries(swept.map((name) => [name, fixed[name]!]));
      const sweep = await race(settings, prompts.slice(0, numSwept), temperature);
      const ranked = swept
        .map((name) => ({ name, speedup: speedup(sweep, name) }))
        .sort((one, other) => other.speedup - one.speedup);
      process.stderr.write(
        `${workload}, ${temperature}: ${ranked.map((one) => `${one.name} ${one.speedup.toFixed(2)}`).join('; ')}\n`,
      );
      const best = ranked[0]!.name;
      const again = await race(
        { [best]: fixed[best]!, ...guarded },
        prompts.slice(numSwept, numSwept + numCompared),
        temperature,
      );
      const cells = [
        `${best} ${ranked[0]!.speedup.toFixed(2)}`,
        ...[best, ...Object.keys(guarded)].map((name) => speedup(again, name).toFixed(2)),
        ...Object.keys(guarded).map((name) => ratio(again, name, best)),
      ];
      print(`| ${workload}, ${temperature} | ${cells.join(' | ')} |`);
      all.push({ workload, temperature, sweep, again });
      if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(all));
    }
  }
  target!.dispose();
  draft!.dispose();
} finally {
  rmSync(folder, { recursive: true });
}
