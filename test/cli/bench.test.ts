import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readResults } from '../../src/bench/results-file.js';
import { demoModel } from '../../src/cli/models.js';
import { outcomeOf, runCli, startCli } from './run-cli.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-bench-cli-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const file = (name: string): string => join(folder, name);

const pair = [
  '--target',
  demoModel('target'),
  '--draft',
  demoModel('draft'),
  '--threads',
  '1',
  '--gpu',
  'off',
];
const exact = ['--kv-type', 'f32', '--flash-attention', 'off'];
const small = [...pair, ...exact, '--max-tokens', '12', '--repetitions', '2', '--prompts', '1'];

describe('outrider bench', () => {
  it('compares methods with plain decoding, as a table, a page and samples', async () => {
    const args = [
      'bench',
      '--workload',
      'stories',
      '--method',
      'chain:4',
      '--method',
      'synthetic:0.9',
      '--temperatures',
      '0',
    ];
    const { stdout, stderr, status } = await runCli([...args, ...small, '--jsonl', file('table.jsonl')]);
    expect(stderr).toContain(file('table.html'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/stories +chain:4 +0 .* all 2/);
    expect(stdout).toMatch(/synthetic:0\.9/);
    const { samples, trials } = readResults(file('table.jsonl'));
    expect(samples.length).toBe(8);
    expect([...trials.values()].map(({ achieved }) => achieved['verifier'])).toEqual(['match', 'match']);
    const html = readFileSync(file('table.html'), 'utf8');
    expect(html).toContain('<svg');
    expect(html).not.toMatch(/(src|href)="http/);
  });

  it('prints one JSON object, and takes the method from its own options', async () => {
    const args = [
      'bench',
      '--workload',
      'stories',
      '--tree',
      'chain:2',
      '--guard',
      'off',
      '--temperature',
      '1',
      '--json',
    ];
    const { stdout, status } = await runCli([...args, ...small, '--jsonl', file('json.jsonl')]);
    expect(status).toBe(0);
    const report = JSON.parse(stdout) as {
      trials: { trial: object; isLossless: boolean }[];
    };
    expect(report.trials).toHaveLength(1);
    expect(report.trials[0]).toMatchObject({
      trial: { method: 'as asked', temperature: 1 },
      isLossless: true,
    });
  });

  it('keeps a partial report at ctrl-c, and goes on from there', async () => {
    const args = [
      'bench',
      '--workload',
      'stories',
      '--method',
      'chain:2',
      '--method',
      'suffix',
      '--temperatures',
      '0',
    ];
    const more = [...pair, ...exact, '--max-tokens', '24', '--repetitions', '4', '--prompts', '2'];
    const path = file('partial.jsonl');
    const child = startCli([...args, ...more, '--jsonl', path]);
    const ended = outcomeOf(child);
    const hasSamples = (): boolean => {
      try {
        return readResults(path).samples.length >= 2;
      } catch {
        return false;
      }
    };
    while (child.exitCode === null && !hasSamples()) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    const { stdout, stderr, status } = await ended;
    expect(status).toBe(1);
    expect(stdout).toMatch(/^partial/);
    expect(stderr).toContain(`--resume ${path}`);
    expect(stderr).toMatch(/Interrupted\n$/);
    const before = readResults(path).samples.length;
    expect(before).toBeLessThan(32);

    const resumed = await runCli([...args, ...more, '--resume', path]);
    expect(resumed.stderr).toContain('Going on with');
    expect(resumed.status).toBe(0);
    const { samples } = readResults(path);
    expect(samples.length).toBe(32);
    const names = samples.map(({ trial, prompt, repetition, side }) =>
      [trial, prompt, repetition, side].join(),
    );
    expect(new Set(names).size).toBe(32);
  });

  it('keeps the tree of a method at each number of nodes, and tells what it ran with', async () => {
    const method = [
      '--method',
      'wide=--tree dynamic:16 --guard off',
      '--method',
      'chain:4',
      '--nodes',
      '2,3',
    ];
    const args = ['bench', '--workload', 'stories', ...method, '--temperatures', '0', ...small];
    const { status } = await runCli([...args, '--jsonl', file('nodes.jsonl')]);
    expect(status).toBe(0);
    const achieved = [...readResults(file('nodes.jsonl')).trials.values()].map((head) => head.achieved);
    expect(achieved.map(({ tree }) => tree)).toEqual(['dynamic:2', 'dynamic:3', 'chain:2', 'chain:3']);
    expect(achieved[0]).toMatchObject({ guard: 'off', kvType: 'f32', flashAttention: 'off' });
  });

  it('runs methods with a model between target and drafter', async () => {
    const middle = ['--middle', demoModel('draft'), '--drafter', 'suffix', '--guard', 'off'];
    const args = ['bench', '--workload', 'stories', '--temperatures', '0', ...small];
    const alone = await runCli([...args, ...middle, '--jsonl', file('middle.jsonl')]);
    expect(alone.status).toBe(0);
    const named = await runCli([
      ...[...args, '--method', `cascade=${middle.join(' ')}`],
      ...['--jsonl', file('cascade.jsonl')],
    ]);
    expect(named.status).toBe(0);
    for (const path of ['middle.jsonl', 'cascade.jsonl']) {
      const [head] = [...readResults(file(path)).trials.values()];
      expect(head?.achieved).toMatchObject({
        middle: demoModel('draft'),
        drafter: expect.stringContaining('middle'),
      });
    }
  });

  it('goes on only with what it began with', async () => {
    const path = file('other.jsonl');
    const args = ['bench', '--workload', 'stories', '--temperatures', '0', ...small];
    const first = await runCli([...args, '--method', 'x=--tree chain:2 --guard off', '--jsonl', path]);
    expect(first.status).toBe(0);
    const other = await runCli([...args, '--method', 'x=--tree chain:3 --guard off', '--resume', path]);
    expect(other.stderr).toMatch(/another method x: .*chain:2.* there, .*chain:3.* here/);
    expect(other.status).toBe(1);
  });

  it('goes on after it was killed', async () => {
    const args = ['bench', '--workload', 'stories', '--method', 'chain:2', '--temperatures', '0'];
    const more = [...pair, ...exact, '--max-tokens', '24', '--repetitions', '6', '--prompts', '2'];
    const path = file('killed.jsonl');
    const numSamples = (): number => {
      try {
        return readResults(path).samples.length;
      } catch {
        return 0;
      }
    };
    // As it begins, and twice later.
    for (const kill of [0, 4, 10]) {
      const how = existsSync(path) ? '--resume' : '--jsonl';
      const child = startCli([...args, ...more, how, path]);
      const ended = outcomeOf(child);
      while (child.exitCode === null && !(existsSync(path) && numSamples() >= kill))
        await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGKILL');
      await ended;
    }
    expect(numSamples()).toBeLessThan(24);
    expect((await runCli([...args, ...more, '--resume', path])).status).toBe(0);
    const names = readResults(path).samples.map(
      ({ prompt, repetition, side }) => `${prompt} ${repetition} ${side}`,
    );
    expect(names).toHaveLength(24);
    expect(new Set(names).size).toBe(24);
  });

  it('prints its table and keeps its samples where the page cannot be written', async () => {
    writeFileSync(file('no-folder'), '');
    const args = ['bench', '--workload', 'stories', '--method', 'chain:2', '--temperatures', '0', ...small];
    const page = join(file('no-folder'), 'page.html');
    const { stdout, stderr, status } = await runCli([
      ...args,
      ...['--jsonl', file('no-page.jsonl'), '--html', page],
    ]);
    expect(stdout).toMatch(/stories +chain:2 +0 /);
    expect(stderr).toContain(`Cannot write the report ${page}: `);
    expect(readResults(file('no-page.jsonl')).samples.length).toBe(4);
    expect(status).toBe(1);
  });

  it('names what it cannot read, with the line', async () => {
    writeFileSync(file('bad.jsonl'), '{"prompt":"Once"}\n{"prompt":\n');
    const { stderr, status } = await runCli(['bench', '--workload', file('bad.jsonl'), ...small]);
    expect(stderr).toContain('bad.jsonl, line 2');
    expect(status).not.toBe(0);
  });

  it('says which peer is missing, and still reports the others', async () => {
    const args = [
      'bench',
      '--workload',
      'stories',
      '--method',
      'llama-server',
      '--method',
      'chain:2',
      '--temperatures',
      '0',
    ];
    const peer = ['--llama-server', file('no-such-program'), '--jsonl', file('peer.jsonl')];
    const { stdout, stderr, status } = await runCli([...args, ...small, ...peer]);
    expect(status).toBe(1);
    expect(stderr).toContain('no-such-program');
    expect(stdout).toMatch(/chain:2 .* all 2/);
  });

  it.each([
    [['--workload', 'nothing'], /--workload/],
    [['--method', 'nonsense'], /--method/],
    [['--method', 'synthetic:2'], /synthetic/],
    [['--method', 'mine=--no-such-option'], /no-such-option/],
    [['--temperatures', 'hot'], /--temperatures/],
    [['no such words'], /there are: /],
    [['--stop', '.'], /--stop/],
    [['--method', 'suffix', '--tree', 'chain:2'], /--tree .*beside --method/],
    [['--method', 'mine=--tree static:2,2', '--nodes', '4'], /the method mine with --nodes/],
    [['--temperature', '0', '--temperatures', '0,1'], /--temperature or --temperatures/],
    [['--jsonl', 'a.jsonl', '--resume', 'b.jsonl'], /--jsonl or --resume/],
    [['--parameters', '1B'], /--parameters or --target/],
    [['--json', '--markdown'], /--json or --markdown/],
    [['--llama-server', 'server'], /--method llama-server beside --llama-server/],
  ])('refuses %j as wrong use', async (args, message) => {
    const { stderr, status } = await runCli(['bench', ...args, ...small]);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});
