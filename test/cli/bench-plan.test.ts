import { describe, expect, it } from 'vitest';
import type { Method } from '../../src/bench/method.js';
import type { Workload } from '../../src/bench/workload.js';
import { crossTrials } from '../../src/cli/bench-plan.js';
import { UsageError } from '../../src/cli/option-values.js';

const workload = (name: string): Workload => ({ name, prompts: [] });
const method = (name: string, tree: string): Method => ({
  ...{ kind: 'engine', name, requested: '', options: { tree } },
});
const none = { nodes: [], words: [] };

describe('the trials of a benchmark', () => {
  it('are every workload under every method at every temperature and size', () => {
    const opened = [
      { workload: workload('a'), methods: [method('x', 'chain:4')] },
      { workload: workload('b'), methods: [method('x', 'chain:4'), method('y', 'auto')] },
    ];
    const planned = crossTrials(opened, [0, 1], { nodes: [2, 4], words: [] });
    expect(planned).toHaveLength(12);
  });

  it('refuse a size of a method whose tree has a size of its own, before anything is measured', () => {
    const opened = [{ workload: workload('a'), methods: [method('mine', 'static:3,2,1')] }];
    const run = () => crossTrials(opened, [0], { nodes: [4], words: [] });
    expect(run).toThrow(/the method mine/);
  });

  it.each([
    [
      'two methods of one name',
      [method('x', 'chain:4'), method('x', 'chain:8')],
      [0],
      [],
      /--method .* x twice/,
    ],
    ['a temperature that is there twice', [method('x', 'auto')], [0, 1, 0], [], /--temperatures .*0 twice/],
    ['a size that is there twice', [method('x', 'auto')], [0], [4, 4], /--nodes .*4 twice/],
    ['a size that is none', [method('x', 'auto')], [0], [0], /--nodes .*received 0/],
    ['a size that is no whole number', [method('x', 'auto')], [0], [1.5], /--nodes .*received 1\.5/],
    ['a size above all trees', [method('x', 'auto')], [0], [129], /--nodes .*received 129/],
    ['a temperature below 0', [method('x', 'auto')], [-1], [], /--temperatures .*received -1/],
  ] as const)('refuse %s', (_, methods, temperatures, nodes, message) => {
    const run = () => crossTrials([{ workload: workload('a'), methods }], temperatures, { ...none, nodes });
    expect(run).toThrow(UsageError);
    expect(run).toThrow(message);
  });

  it('refuse two workloads of one name', () => {
    const methods = [method('x', 'auto')];
    const opened = [
      { workload: workload('a'), methods },
      { workload: workload('a'), methods },
    ];
    expect(() => crossTrials(opened, [0], none)).toThrow(/--workload .*a twice/);
  });
});
