import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type * as measuring from '../../src/engine/measure-cost.js';
import type * as processorTime from '../../src/engine/processor-time.js';
import { createEngine } from '../../src/engine/engine.js';
import { loadModel } from '../../src/model/load-model.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { runMain } from './run-main.js';

/** What is measured on a GPU only, how busy the machine is, and how often costs were measured. */
const machine = vi.hoisted(() => ({
  sizeChangeMs: undefined as number | undefined,
  coresOfOthers: 0,
  measurements: 0,
}));
vi.mock('../../src/engine/measure-cost.js', async (importOriginal) => {
  const original = await importOriginal<typeof measuring>();
  return {
    ...original,
    measureCost: async (options: measuring.MeasureCostOptions) => {
      machine.measurements += 1;
      return { ...(await original.measureCost(options)), sizeChangeMs: machine.sizeChangeMs };
    },
  };
});
vi.mock('../../src/engine/processor-time.js', async (importOriginal) => ({
  ...(await importOriginal<typeof processorTime>()),
  coresOfOthers: () => machine.coresOfOthers,
}));

const folder = mkdtempSync(join(tmpdir(), 'outrider-tune-'));
const [target, draft] = [join(folder, 'target.gguf'), join(folder, 'draft.gguf')];
const common = ['--gpu', 'off', '--threads', '1', '--context-size', '1024'];
const pairOf = (args: readonly string[]) => (args.includes('--target') ? [] : ['--target', target]);
const tune = (...args: string[]) => runMain(['tune', ...common, ...pairOf(args), ...args]);
const generate = (...args: string[]) =>
  runMain([
    'generate',
    ...common,
    ...pairOf(args),
    '--prompt',
    'bada',
    '--max-tokens',
    '40',
    '--ignore-eos',
    ...args,
  ]);

interface Printed {
  drafter: string;
  sizeChangeMs: number;
  knownAcceptance: { kind: string; acceptance: number }[];
  costs: { path: string; keeping: string };
  curves: {
    contextLength: number;
    plainMs: number;
    rounds: { draftTokens: number; ms: number }[];
    pairPlans: { kind: string; draftTokens: number; tokens: number; speedup: number }[];
  }[];
}
const printed = async (...args: string[]): Promise<Printed> =>
  JSON.parse((await tune('--json', ...args)).stdout) as Printed;

/** What the help of a command says of --tree, in one line. */
async function treeHelp(command: string): Promise<string> {
  const { stdout } = await runMain([command, '--help']);
  return /--tree\s+([^]*?)\s+--middle-tokens/.exec(stdout)![1]!.replace(/\s+/g, ' ');
}

beforeAll(() => {
  writeTinyModel(target, { contextLength: 1024 });
  writeTinyModel(draft, { contextLength: 1024, noise: { seed: 1, relative: 0.1 } });
});
let numCaches = 0;
beforeEach(() => {
  Object.assign(machine, { sizeChangeMs: undefined, coresOfOthers: 0, measurements: 0 });
  vi.stubEnv('OUTRIDER_CACHE', join(folder, `cache-${numCaches++}`));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('outrider tune', () => {
  it('shows what rounds cost after several lengths of context, and what follows', async () => {
    const { stdout, status } = await tune('--draft', draft);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^0 tokens of context: plain decoding takes \d+\.\d\d ms a token$/m);
    expect(stdout).toMatch(/^512 tokens of context/m);
    expect(stdout).not.toMatch(/^2048 tokens/m);
    expect(stdout).toMatch(/^ *16 +\d+\.\d\d +\d+\.\d\d +\u2588+/m);
    expect(stdout.match(/assumed, 0\.95 of draft tokens accepted/g)).toHaveLength(2);
    expect(stdout).toContain('Nothing is known yet of what is accepted here');
  });

  it('prints one object with --json', async () => {
    const { stdout, status } = await tune('--draft', draft, '--json');
    expect(status).toBe(0);
    const { curves, sizeChangeMs, drafter } = JSON.parse(stdout) as Printed;
    expect(drafter).toBe('model+suffix');
    expect(sizeChangeMs).toBe(0);
    expect(curves.map(({ contextLength }) => contextLength)).toEqual([0, 512]);
    for (const { plainMs, rounds } of curves) {
      expect(plainMs).toBeGreaterThan(0);
      expect(rounds.map(({ draftTokens }) => draftTokens)).toEqual([1, 2, 3, 4, 6, 8, 12, 16]);
      expect(rounds.at(-1)!.ms).toBeGreaterThan(rounds[0]!.ms);
    }
  });

  it('says what a change of size takes, where it takes anything', async () => {
    machine.sizeChangeMs = 9.25;
    const changing = await tune('--draft', draft);
    machine.sizeChangeMs = undefined;
    expect(changing.stdout).toMatch(/^Rounds of another size than those before take 9\.25 ms more/m);
    expect((await tune('--draft', draft)).stdout).not.toContain('Rounds of another size');
  });

  it('wants a drafter, and the guard', async () => {
    const without = await tune('--drafter', 'none');
    expect(without.status).toBe(2);
    expect(without.stderr).toContain('Expected a drafter to tune');
    const off = await tune('--draft', draft, '--guard', 'off');
    expect(off.status).toBe(2);
    expect(off.stderr).toContain('--guard on');
  });
});

it('the help of outrider tune says of trees what that of outrider generate says, and what is so', async () => {
  const [ofTune, ofGenerate] = [await treeHelp('tune'), await treeHelp('generate')];
  expect(ofTune).toBe(ofGenerate);
  expect(ofTune).toContain('[default: "auto"]');
  const sizes = /at most (\d+) tokens of a draft model under the guard, .* at most (\d+) in all/.exec(ofTune);
  for (const [index, drafter] of [['--drafter', 'model'], []].entries()) {
    const { curves } = await printed('--draft', draft, ...drafter);
    expect(sizes![index + 1]).toBe(String(curves[0]!.rounds.at(-1)!.draftTokens));
  }
});

describe('what outrider tune measures', () => {
  it.each([
    ['without options', [], 16],
    ['of a tree', ['--tree', 'chain:3'], 3],
    ['of a large tree', ['--tree', 'auto:32'], 32],
    ['of one drafter', ['--drafter', 'model'], 12],
    ['of drafters without a model', ['--drafter', 'suffix'], 16],
    ['of a verifier', ['--verifier', 'block'], 12],
  ])('is what generate goes by, %s', async (_, options, largest) => {
    expect((await generate('--draft', draft, ...options)).status).toBe(0);
    expect(machine.measurements).toBe(1);
    vi.stubEnv('OUTRIDER_CACHE', join(folder, `cache-${numCaches++}`));
    const { curves } = await printed('--draft', draft, ...options);
    expect(curves[0]!.rounds.at(-1)!.draftTokens).toBe(largest);
    expect(machine.measurements).toBe(2);
    expect((await generate('--draft', draft, ...options)).status).toBe(0);
    expect(machine.measurements).toBe(2);
  });

  it('is what an engine of the library goes by', async () => {
    const models = {
      target: await loadModel(target, { gpu: 'off' }),
      draft: await loadModel(draft, { gpu: 'off' }),
    };
    const context = { contextSize: 1024, threads: 1 };
    expect((await tune('--draft', draft)).status).toBe(0);
    const shares: number[] = [];
    const engine = await createEngine({ ...models, context, onMeasure: (share) => shares.push(share) });
    expect(shares).toEqual([]);
    await engine.dispose();
    const other = await createEngine({
      ...models,
      context,
      tree: 'auto:8',
      onMeasure: (share) => shares.push(share),
    });
    expect(shares.at(-1)).toBe(1);
    await other.dispose();
    for (const model of Object.values(models)) model.dispose();
  });
});

describe('the plan of outrider tune', () => {
  it('goes by what was accepted in answers before, for each way of sampling', async () => {
    await generate('--draft', target, '--temperature', '0');
    await generate('--draft', target, '--temperature', '1');
    const { curves } = await printed('--draft', target);
    expect(curves).toHaveLength(2);
    for (const { pairPlans } of curves) {
      expect(pairPlans.map(({ kind }) => kind)).toEqual(['temperature 0', 'temperature 1']);
      // A draft as costly as the target may be worth nothing; what is expected of it is either plain decoding or more.
      for (const { draftTokens, tokens, speedup } of pairPlans) {
        expect(speedup).toBeGreaterThanOrEqual(1);
        expect(tokens > 1).toBe(draftTokens > 0);
      }
    }
    const { stdout } = await tune('--draft', target);
    expect(stdout.match(/^ {2}temperature 0, by the answers before: /gm)).toHaveLength(2);
    expect(stdout).not.toContain('Nothing is known yet');
  });

  it('of drafters without a model tells what was accepted', async () => {
    const { costs } = await printed('--drafter', 'suffix');
    const kinds = { 'temperature 0': { tried: [4, 0, 6], accepted: [3, 0, 2] } };
    writeFileSync(costs.path.replace('.json', '.acceptance.json'), JSON.stringify({ version: 1, kinds }));
    const { knownAcceptance } = await printed('--drafter', 'suffix');
    expect(knownAcceptance).toEqual([{ kind: 'temperature 0', acceptance: 0.5 }]);
    expect((await tune('--drafter', 'suffix')).stdout).toMatch(
      /^temperature 0, .*0\.50 of draft tokens accepted/m,
    );
  });
});

describe('what outrider tune saves', () => {
  it('is named on stderr: costs, and a page with picture and plan beside them', async () => {
    const { stdout, stderr } = await tune('--draft', draft);
    const [, costs] = /^Costs: (.+\.json)$/m.exec(stderr)!;
    const [, page] = /^Picture and plan: (.+\.html)$/m.exec(stderr)!;
    expect(page).toBe(costs!.replace('.json', '.html'));
    expect(existsSync(costs!)).toBe(true);
    expect(stdout).not.toContain(costs);
    expect(stdout).not.toContain('say little');
    const text = readFileSync(page!, 'utf8');
    expect(text).toContain('<svg');
    expect(text).toContain('assumed, 0.95 of draft tokens accepted');
    expect(text).not.toContain('<script');
  });

  it('goes to the file that --html names', async () => {
    const page = join(folder, 'pages', 'tune.html');
    const { stderr, status } = await tune('--draft', draft, '--html', page);
    expect(status).toBe(0);
    expect(stderr).toContain(`Picture and plan: ${page}`);
    expect(readFileSync(page, 'utf8')).toContain('tokens to break even');
  });

  it('is nothing while other processes keep cores busy, which is a failure', async () => {
    machine.coresOfOthers = 1;
    const { stdout, stderr, status } = await tune('--draft', draft);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^0 tokens of context/m);
    expect(stdout).toMatch(/^Other processes kept cores busy meanwhile: these times, .* say little$/m);
    expect(stderr).toMatch(/No costs were saved to .+\.json: other processes kept cores busy/);
    expect(stderr).not.toContain('Costs: ');
    const { costs } = await printed('--draft', draft);
    expect(costs.keeping).toBe('busy');
    expect(existsSync(costs.path)).toBe(false);
  });

  it('is nothing where the cache folder cannot be written to, which is a failure', async () => {
    writeFileSync(join(folder, 'no-folder'), '');
    vi.stubEnv('OUTRIDER_CACHE', join(folder, 'no-folder'));
    const { stderr, status } = await tune('--draft', draft);
    expect(status).toBe(1);
    expect(stderr).toMatch(/No costs were saved to .+\.json: the file cannot be written/);
  });

  it('is nothing of a model that costs cannot be measured of, which is a failure', async () => {
    const recurrent = join(folder, 'recurrent.gguf');
    writeTinyModel(recurrent, { architecture: 'lfm2' });
    const { stderr, status } = await tune('--target', recurrent, '--draft', recurrent);
    expect(status).toBe(1);
    expect(stderr).toMatch(/No costs were saved to .+\.json: measuring would spoil a recurrent state/);
  });
});
