import { describe, expect, it } from 'vitest';
import {
  adaptsToDraws,
  leavesOf,
  parseTreeShape,
  shapeFor,
  type TreeShape,
} from '../../src/tree/tree-shape.js';

const read = (text: string): TreeShape => shapeFor(parseTreeShape(text), true);

describe('a tree shape', () => {
  it.each([
    ['chain:5', 5, 1],
    ['static:3,2,1', 15, 6],
    ['static:1,1,3,1', 8, 3],
    ['dynamic:7', 7, 7],
    ['opt-tree:9', 9, 9],
    ['auto', 4, 4],
    ['auto:12', 12, 12],
  ])('%s has %i nodes and up to %i leaves', (text, numNodes, numLeaves) => {
    expect([read(text).numNodes, leavesOf(read(text))]).toEqual([numNodes, numLeaves]);
  });

  it('is measured growth for auto, and a chain where nothing can branch', () => {
    const choice = parseTreeShape('auto:6');
    expect(shapeFor(choice, true)).toEqual({ kind: 'grown', rule: 'dynamic', numNodes: 6 });
    expect(shapeFor(choice, false)).toEqual({ kind: 'chain', numNodes: 6 });
    expect(shapeFor(parseTreeShape('dynamic:6'), false)).toEqual(parseTreeShape('dynamic:6'));
  });

  it('depends on the draws where it grows by them', () => {
    const adapting = ['dynamic:4', 'dyspec:4', 'eagle-2:4', 'opt-tree:4', 'auto'];
    expect(adapting.map((text) => adaptsToDraws(read(text)))).toEqual(adapting.map(() => true));
    const fixed = ['chain:4', 'static:2,2', 'sequoia:4'];
    expect(fixed.map((text) => adaptsToDraws(read(text)))).toEqual(fixed.map(() => false));
  });

  it.each([
    '',
    'chain',
    'chain:',
    'chain:x',
    'auto:',
    'auto:0',
    'dynamic:0',
    'dynamic:1,2',
    'bushy:3',
    'static:0',
  ])('%j is refused, naming what was expected', (text) => {
    expect(() => parseTreeShape(text)).toThrow(/Expected .* for tree but received/);
  });

  it('of more than 128 draft tokens is refused', () => {
    for (const text of ['chain:129', 'auto:129', 'static:12,12', 'dynamic:200'])
      expect(() => parseTreeShape(text)).toThrow(/at most 128 draft tokens/);
  });
});
