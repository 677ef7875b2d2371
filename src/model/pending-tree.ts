// The tree that a decode left below the tip of a sequence, until a path of it is kept.
import { ROOT, type NodeIndex } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';

/** Tokens and parents of the last decoded or grown tree. */
export class PendingTree {
  readonly #tokens: Int32Array;
  readonly #parents: Int32Array | undefined;
  readonly #decoded: Int32Array | undefined;

  /**
   * @param parents  [numNodes]; undefined for a chain
   * @param decoded  [numNodes], 1 where a node is in the cache; undefined where all are
   */
  constructor(tokens: Int32Array, parents: Int32Array | undefined, decoded?: Int32Array) {
    this.#tokens = tokens;
    this.#parents = parents;
    this.#decoded = decoded;
  }

  /** True for -1 and for nodes that are in the cache. */
  has(node: NodeIndex): boolean {
    const isNode = Number.isInteger(node) && node >= ROOT && node < this.#tokens.length;
    return isNode && (node === ROOT || this.#decoded?.[node] !== 0);
  }

  /** Tokens from the first below the tip to `node`. */
  path(node: NodeIndex): TokenId[] {
    const path: TokenId[] = [];
    for (let at = node; at !== ROOT; at = this.#parentOf(at)) path.push(this.#tokens[at]!);
    return path.reverse();
  }

  /** The deepest node in the cache whose path is a prefix of `tokens`. */
  follow(tokens: Int32Array): NodeIndex {
    let node = ROOT;
    for (const token of tokens) {
      const next = this.#tokens.findIndex(
        (held, child) => held === token && this.#parentOf(child) === node && this.has(child),
      );
      if (next === -1) break;
      node = next;
    }
    return node;
  }

  #parentOf(node: NodeIndex): NodeIndex {
    return this.#parents?.[node] ?? node - 1;
  }
}
