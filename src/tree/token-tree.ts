// Token trees as parent indices. Knows nothing of models, distributions or how a tree was drafted.
import { ShapeError } from '../errors.js';
import type { TokenId } from '../types.js';

/** Index of a node in a tree, in drawing order; -1 is the root, the last token of the sequence. */
export type NodeIndex = number;

/**
 * How the siblings of a tree were drawn; verifiers state under which of these they are lossless. `topThenSampled`: all
 * but the last are the likeliest tokens, the last one is drawn from the others. `mixed`: drawn with or without replacement,
 * then fixed tokens that were not drawn, each in a row of its own.
 */
export type SiblingDraws = OwnDraws | 'mixed';

/** How a single drafter draws siblings. */
export type OwnDraws = 'withReplacement' | 'withoutReplacement' | 'topThenSampled' | 'deterministic';

/** The root: the last token of the sequence, which is not itself a node of the tree. */
export const ROOT: NodeIndex = -1;

/**
 * A drafted token tree. Parents come before children; siblings stand in drawing order.
 * A chain is a tree of width one.
 */
export class TokenTree {
  /** [numNodes] */
  readonly tokens: Int32Array;
  /** [numNodes], each in [-1, own index). */
  readonly parents: Int32Array;
  /** [numNodes], 1 for the children of the root. */
  readonly depths: Int32Array;
  readonly #children: readonly (readonly NodeIndex[])[];

  /** @throws {ShapeError} when the arrays differ in length or a parent does not come before its child */
  constructor(tokens: ArrayLike<TokenId>, parents: ArrayLike<NodeIndex>) {
    if (tokens.length !== parents.length) {
      throw new ShapeError(
        `Expected as many parents as tokens (${tokens.length}) but received ${parents.length}`,
      );
    }
    this.tokens = Int32Array.from(tokens);
    this.parents = Int32Array.from(parents);
    this.depths = new Int32Array(tokens.length);
    const children: NodeIndex[][] = Array.from({ length: tokens.length + 1 }, () => []);
    for (let node = 0; node < this.parents.length; node++) {
      const parent = this.parents[node]!;
      if (!(parent >= ROOT && parent < node)) {
        throw new ShapeError(`Expected the parent of node ${node} in [-1, ${node}) but received ${parent}`);
      }
      this.depths[node] = (parent === ROOT ? 0 : this.depths[parent]!) + 1;
      children[parent + 1]!.push(node);
    }
    this.#children = children;
  }

  /** The chain of `tokens`, each the only child of the one before. */
  static chain(tokens: ArrayLike<TokenId>): TokenTree {
    return new TokenTree(
      tokens,
      Array.from({ length: tokens.length }, (_, node) => node - 1),
    );
  }

  get numNodes(): number {
    return this.tokens.length;
  }

  /** Largest depth, 0 for the empty tree. */
  get maxDepth(): number {
    return this.depths.reduce((deepest, depth) => Math.max(deepest, depth), 0);
  }

  /** True when no node has two children. */
  get isChain(): boolean {
    return this.#children.every((siblings) => siblings.length <= 1);
  }

  /** Children of `node` in drawing order; -1 asks for those of the root. */
  children(node: NodeIndex): readonly NodeIndex[] {
    return this.#children[node + 1] ?? [];
  }

  /** Nodes from the root's child down to `node`. */
  path(node: NodeIndex): NodeIndex[] {
    const path: NodeIndex[] = [];
    for (let current = node; current !== ROOT; current = this.parents[current]!) path.push(current);
    return path.reverse();
  }
}
