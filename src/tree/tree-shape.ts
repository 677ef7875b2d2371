// Tree shapes as the command line writes them. Knows nothing of who grows a tree.

/** A chain of draft tokens. */
export interface TreeShape {
  readonly kind: 'chain';
  /** Draft tokens in a round, in [0, 128]. */
  readonly numNodes: number;
}

const maxChainLength = 128;
const defaultShape: TreeShape = { kind: 'chain', numNodes: 4 };

/**
 * Reads a shape: `chain:N`, or `auto` for the default, `chain:4`.
 * @throws {TypeError | RangeError} naming what was expected
 */
export function parseTreeShape(text: string): TreeShape {
  if (text === 'auto') return defaultShape;
  const match = /^chain:(\d+)$/.exec(text);
  if (match === null) {
    throw new TypeError(`Expected auto or chain:N, such as chain:4, for tree but received ${text}`);
  }
  const numNodes = Number(match[1]);
  if (numNodes > maxChainLength) {
    throw new RangeError(`Expected at most ${maxChainLength} draft tokens for tree but received ${text}`);
  }
  return { kind: 'chain', numNodes };
}
