import { expect, it } from 'vitest';
import { treePicture } from '../../src/cli/tree-picture.js';
import { ROOT, TokenTree } from '../../src/tree/token-tree.js';

const textOf = (token: number): string => String.fromCharCode(97 + token);

it('a tree is drawn with marks at accepted nodes and the next token where the path ends', () => {
  const tree = new TokenTree([0, 1, 2, 3], [ROOT, ROOT, 0, 0]);
  expect(treePicture({ tree, acceptedNodes: [0], nextToken: 25 }, textOf)).toEqual([
    '1 accepted of 4 drafted',
    '├─ "a" ✓',
    '│  ├─ "c"',
    '│  ├─ "d"',
    '│  └─ "z" *',
    '└─ "b"',
  ]);
  expect(treePicture({ tree, acceptedNodes: [], nextToken: 25 }, textOf).at(-1)).toBe('└─ "z" *');
});
