// Head to head: this engine and its peers answer the same prompts in turn, another one first each time.
// npm run bench:peers -- TARGET DRAFT [--llama-server PATH] [--llama-speculative-simple PATH] [--prompts N] [--repetitions N]
// [--max-tokens N] [--workload NAME]... [--temperature T]... [--num-draft N]... [--programs-alone] [--json FILE]; of workloads whose answers are
// longer than thirty tokens, for of a short one the first token, which comes with the prompt or does not, is most.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { converse, PromptWriter } from '../../src/bench/conversation.js';
import { EngineContender, PeerContender, type Contender } from '../../src/bench/contender.js';
import type { Peer } from '../../src/bench/peer.js';
import { startPeer, type PeerName } from '../../src/bench/peers/peers.js';
import { readWorkload, type BenchPrompt } from '../../src/bench/workload.js';
import { demoModel, demoTasks } from '../../src/cli/models.js';
import { createEngine } from '../../src/engine/engine.js';
import { loadModels } from '../../src/model/load-model.js';
import { interleave, machine, ratioInWords, speedOf } from './measure.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'llama-server': { type: 'string' },
    'llama-speculative-simple': { type: 'string' },
    prompts: { type: 'string', default: '6' },
    repetitions: { type: 'string', default: '2' },
    'max-tokens': { type: 'string', default: '96' },
    workload: { type: 'string', multiple: true, default: ['stories', 'edits', 'extraction'] },
    temperature: { type: 'string', multiple: true, default: ['0', '1'] },
    'num-draft': { type: 'string', multiple: true, default: ['4'] },
    'programs-alone': { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const [targetPath = demoModel('target'), draftPath = demoModel('draft')] = positionals;
const contextSize = 1024;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const [target, draft] = await loadModels([targetPath, draftPath]);
const shared = { target: target!, context: { contextSize }, keepAcceptance: false };
const engines = {
  plain: await createEngine({ ...shared, drafter: 'none', guard: false }),
  guarded: await createEngine({ ...shared, draft: draft! }),
  'guarded, model alone': await createEngine({ ...shared, draft: draft!, drafter: 'model' }),
  'chain:4': await createEngine({
    ...shared,
    draft: draft!,
    tree: 'chain:4',
    guard: false,
    measureSpeedup: false,
  }),
};
const { threads } = engines.plain.contextInfo;
const binaries: Partial<Record<PeerName, string | undefined>> = {
  ...(!values['programs-alone'] && { 'node-llama-cpp': undefined, 'node-llama-cpp-lookup': undefined }),
  ...(values['llama-server'] !== undefined && { 'llama-server': values['llama-server'] }),
  ...(values['llama-speculative-simple'] !== undefined && {
    'llama-speculative-simple': values['llama-speculative-simple'],
  }),
};
const peers: { readonly name: string; readonly peer: Peer }[] = [];
for (const numDraft of values['num-draft'].map(Number)) {
  for (const [name, binary] of Object.entries(binaries)) {
    const settings = { targetPath, draftPath, threads, contextSize, numDraft, binary };
    peers.push({ name: `${name}, ${numDraft}`, peer: await startPeer(name as PeerName, settings) });
  }
}
const contenders: Record<string, Contender> = {
  ...Object.fromEntries(Object.entries(engines).map(([name, engine]) => [name, new EngineContender(engine)])),
  ...Object.fromEntries(peers.map(({ name, peer }) => [name, new PeerContender(peer)])),
};
const writer = new PromptWriter(target!, contextSize);

/** Tokens per second of each answer to a prompt, by contender; a repetition has a seed. */
function race(
  prompt: BenchPrompt,
  temperature: number,
  numWarmUps: number,
): Promise<Record<string, number[]>> {
  const maxTokens = Number(values['max-tokens']);
  const askOf = (contender: Contender): (() => Promise<number>) => {
    let seed = 0;
    return async () => {
      const settings = { maxTokens, sampling: { temperature }, ignoreEos: false, seed: seed++ };
      const { answers } = await converse(contender, prompt, { writer, settings });
      return speedOf(answers);
    };
  };
  const named = Object.entries(contenders).map(([name, contender]) => [name, askOf(contender)] as const);
  return interleave(Object.fromEntries(named), Number(values.repetitions), numWarmUps);
}

function compare(ofPrompts: readonly Record<string, number[]>[], method: string, other: string): string {
  const pairs = ofPrompts.flatMap((figures, prompt) =>
    figures[method]!.map((speed, index) => ({
      cluster: `${prompt}`,
      plain: figures[other]![index]!,
      method: speed,
    })),
  );
  return ratioInWords(pairs);
}

print(`${machine()}; ${targetPath}; ${threads} threads`);
const all: Record<string, Record<string, number[]>[]> = {};
for (const temperature of values.temperature.map(Number)) {
  for (const name of values.workload) {
    const { prompts } = await readWorkload(join(demoTasks, `${name}.jsonl`));
    const figures: Record<string, number[]>[] = [];
    for (const [index, prompt] of prompts.slice(0, Number(values.prompts)).entries())
      figures.push(await race(prompt, temperature, index === 0 ? 1 : 0));
    all[`${name} ${temperature}`] = figures;
    print(`${name}, temperature ${temperature}`);
    for (const other of Object.keys(contenders).filter((one) => one !== 'plain')) {
      const head = other === 'guarded' ? '' : `, guarded over it ${compare(figures, 'guarded', other)}`;
      print(`  ${other.padEnd(26)} over plain ${compare(figures, other, 'plain')}${head}`);
    }
    if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(all));
  }
}
for (const { peer } of peers) await peer.close();
for (const engine of Object.values(engines)) await engine.dispose();
await target!.dispose();
await draft!.dispose();
