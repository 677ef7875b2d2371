// Tree shapes as the command line writes them. Knows nothing of who grows a tree.
import { levelTree, levelTreeSize } from './static-trees.js';
import type { NodeIndex } from './token-tree.js';

/** A chain of draft tokens. */
export interface ChainShape {
  readonly kind: 'chain';
  /** Draft tokens in a round, in [0, 128]. */
  readonly numNodes: number;
}

/** A tree that is the same in every round. */
export interface StaticShape {
  readonly kind: 'static';
  readonly numNodes: number;
  /** Parents [numNodes], level by level. */
  readonly parents: readonly NodeIndex[];
}

/** How a tree grows up to its budget: by measured acceptance, or by one of the published rules. */
export type GrowthName = 'dynamic' | 'sequoia' | 'dyspec' | 'eagle-2';

/** A tree whose shape is found round by round. */
export interface GrownShape {
  readonly kind: 'grown';
  readonly rule: GrowthName;
  /** Draft tokens in a round at most, in [1, 128]. */
  readonly numNodes: number;
}

/** What a drafter is asked to draft in each round. */
export type TreeShape = ChainShape | StaticShape | GrownShape;

/** Draft tokens of a round at most. */
export const maxTreeNodes = 128;
const defaultShape: TreeShape = { kind: 'chain', numNodes: 4 };
const forms =
  'auto, chain:N, static:WIDTHS such as static:3,2,1, dynamic:N, sequoia:N, dyspec:N or eagle-2:N';

/**
 * Reads a shape: `chain:N`; `static:3,2,1`, each node at depth d having so many children; `dynamic:N`, up to N nodes where
 * they are accepted most by what was measured; `sequoia:N`, the tree of N nodes that is best for the measured acceptance
 * of first, second, ... siblings; `dyspec:N` and `eagle-2:N`, by draft probabilities; or `auto`, which is `chain:4`.
 * @throws {TypeError | RangeError} naming what was expected
 */
export function parseTreeShape(text: string): TreeShape {
  if (text === 'auto') return defaultShape;
  const [, name, values] = /^([a-z0-9-]+):([\d,]+)$/.exec(text) ?? [];
  const numbers = (values ?? '').split(',').map((value) => (value === '' ? NaN : Number(value)));
  if (name === undefined || numbers.some(Number.isNaN)) throw unknownShape(text);
  if (name === 'static') return staticShape(numbers, text);
  if (numbers.length !== 1) throw unknownShape(text);
  const numNodes = checkSize(numbers[0]!, text);
  if (name === 'chain') return { kind: 'chain', numNodes };
  if (name !== 'dynamic' && name !== 'sequoia' && name !== 'dyspec' && name !== 'eagle-2')
    throw unknownShape(text);
  if (numNodes === 0) throw new RangeError(`Expected at least one draft token for tree but received ${text}`);
  return { kind: 'grown', rule: name, numNodes };
}

function staticShape(widths: readonly number[], text: string): TreeShape {
  if (widths.some((width) => width < 1))
    throw new RangeError(`Expected widths of at least 1 for tree but received ${text}`);
  const numNodes = checkSize(levelTreeSize(widths), text);
  return { kind: 'static', numNodes, parents: levelTree(widths) };
}

function checkSize(numNodes: number, text: string): number {
  if (numNodes <= maxTreeNodes) return numNodes;
  throw new RangeError(`Expected at most ${maxTreeNodes} draft tokens for tree but received ${text}`);
}

function unknownShape(text: string): TypeError {
  return new TypeError(`Expected ${forms} for tree but received ${text}`);
}

/** Leaves that a shape can have: what it needs of sequence ids. */
export function leavesOf(shape: TreeShape): number {
  if (shape.kind === 'chain') return 1;
  if (shape.kind === 'grown') return shape.numNodes;
  const hasChild = new Set(shape.parents);
  return shape.parents.filter((_, node) => !hasChild.has(node)).length;
}
