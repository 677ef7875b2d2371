import { describe, expect, it } from 'vitest';
import { withNodes, type Method } from '../../src/bench/method.js';

const methodWith = (tree?: string): Method => ({
  ...{ kind: 'engine', name: 'mine', requested: '' },
  options: { tree },
});

const treeOf = (method: Method): unknown => (method.kind === 'engine' ? method.options.tree : undefined);

describe('a method with so many nodes', () => {
  it.each([
    ['chain:4', 'chain:8'],
    ['dynamic:16', 'dynamic:8'],
    ['sequoia:4', 'sequoia:8'],
    ['dyspec:4', 'dyspec:8'],
    ['eagle-2:4', 'eagle-2:8'],
    ['opt-tree:4', 'opt-tree:8'],
    ['auto:4', 'auto:8'],
    ['auto', 'auto:8'],
    [undefined, 'auto:8'],
  ])('keeps the kind of its tree: %s becomes %s', (own, sized) => {
    expect(treeOf(withNodes(methodWith(own), 8))).toBe(sized);
  });

  it('is itself where no number is asked for', () => {
    expect(treeOf(withNodes(methodWith('static:3,2,1'), null))).toBe('static:3,2,1');
  });

  it('cannot be one whose tree has its size from its shape: the error names it and what helps', () => {
    expect(() => withNodes(methodWith('static:3,2,1'), 8)).toThrow(
      /Expected a tree .* for the method mine with --nodes but received static:3,2,1.*--nodes/s,
    );
  });

  it('cannot be one that drafts no trees', () => {
    const stitched: Method = { kind: 'engine', name: 'turns', requested: '', options: { stitch: 0.02 } };
    expect(() => withNodes(stitched, 8)).toThrow(/turns/);
  });

  it('has its number from the trial where it is no engine', () => {
    const synthetic: Method = { kind: 'synthetic', name: 's', requested: 's', rates: [0.5] };
    expect(withNodes(synthetic, 8)).toBe(synthetic);
  });
});
