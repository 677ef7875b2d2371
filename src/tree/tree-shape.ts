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
export type GrowthName = (typeof growthNames)[number];
const growthNames = ['dynamic', 'sequoia', 'dyspec', 'eagle-2', 'opt-tree'] as const;

/** A tree whose shape is found round by round. */
export interface GrownShape {
  readonly kind: 'grown';
  readonly rule: GrowthName;
  /** Draft tokens in a round at most, in [1, 128]. */
  readonly numNodes: number;
}

/** What a drafter is asked to draft in each round. */
export type TreeShape = ChainShape | StaticShape | GrownShape;

/** The best shape of so many nodes for models and methods that are not known yet. */
export interface AutoShape {
  readonly kind: 'auto';
  readonly numNodes: number;
}

/** Draft tokens of a round at most. */
export const maxTreeNodes = 128;
/** Draft tokens of `auto`. */
const autoNodes = 4;
const forms =
  'auto, auto:N, chain:N, static:WIDTHS such as static:3,2,1, dynamic:N, sequoia:N, dyspec:N, eagle-2:N or opt-tree:N';

/**
 * Reads a shape: `chain:N`; `static:3,2,1`, each node at depth d having so many children; `dynamic:N`, up to N nodes where
 * they are accepted most by what was measured; `sequoia:N`, the tree of N nodes that is best for the measured acceptance
 * of first, second, ... siblings; `dyspec:N`, `eagle-2:N` and `opt-tree:N`, by draft probabilities; or `auto:N`, see
 * {@link shapeFor}. `auto` is `auto:4`, or as large as `numAutoNodes` says.
 * @throws {TypeError | RangeError} naming what was expected
 */
export function parseTreeShape(text: string, numAutoNodes = autoNodes): TreeShape | AutoShape {
  if (text === 'auto') return { kind: 'auto', numNodes: numAutoNodes };
  const [, name, values] = /^([a-z0-9-]+):([\d,]+)$/.exec(text) ?? [];
  const numbers = (values ?? '').split(',').map((value) => (value === '' ? NaN : Number(value)));
  if (name === undefined || numbers.some(Number.isNaN)) throw unknownShape(text);
  if (name === 'static') return staticShape(numbers, text);
  if (numbers.length !== 1) throw unknownShape(text);
  const numNodes = checkSize(numbers[0]!, text);
  if (name === 'chain') return { kind: 'chain', numNodes };
  const rule = growthNames.find((known) => known === name);
  if (rule === undefined && name !== 'auto') throw unknownShape(text);
  if (numNodes === 0) throw new RangeError(`Expected at least one draft token for tree but received ${text}`);
  return rule === undefined ? { kind: 'auto', numNodes } : { kind: 'grown', rule, numNodes };
}

/**
 * What `auto` stands for: growth by measured acceptance, which is a chain where first draft tokens are mostly accepted and
 * a tree where they are not; a chain where models or methods know no branches.
 */
export function shapeFor(choice: TreeShape | AutoShape, canBranch: boolean): TreeShape {
  if (choice.kind !== 'auto') return choice;
  const { numNodes } = choice;
  return canBranch ? { kind: 'grown', rule: 'dynamic', numNodes } : { kind: 'chain', numNodes };
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
export function leavesOf(shape: TreeShape | AutoShape): number {
  if (shape.kind === 'chain') return 1;
  if (shape.kind !== 'static') return shape.numNodes;
  const hasChild = new Set(shape.parents);
  return shape.parents.filter((_, node) => !hasChild.has(node)).length;
}

/** True when a tree's shape depends on what is drawn for it. */
export function adaptsToDraws(shape: TreeShape): boolean {
  return shape.kind === 'grown' && shape.rule !== 'sequoia';
}
