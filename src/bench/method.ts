// What a benchmark compares with plain decoding. Knows nothing of how it is measured.
import type { EngineOptions } from '../engine/options.js';
import { parseTreeShape } from '../tree/tree-shape.js';
import type { PeerName } from './peers/peers.js';

/** Engine options that can be handed to another process. */
export type MethodOptions = Omit<
  EngineOptions,
  'target' | 'draft' | 'middle' | 'context' | 'draftContext' | 'onMeasure' | 'drafter'
> & { readonly drafter?: string | readonly string[] | undefined };

/** A way of generating, as plain data. */
export type Method = {
  readonly name: string;
  /** As it was asked for. */
  readonly requested: string;
} & (
  | {
      readonly kind: 'engine';
      readonly options: MethodOptions;
      /** The model between target and drafter, as it was asked for. */
      readonly middle?: string | undefined;
    }
  | {
      readonly kind: 'synthetic';
      /** [at least 1]: how often a draft token of each depth is accepted once its parent is; the last one goes on. */
      readonly rates: readonly number[];
    }
  | { readonly kind: 'peer'; readonly peer: PeerName; readonly binary: string | undefined }
);

/**
 * The method with so many draft tokens a round: its own kind of tree at this size, `auto:N` where it has none.
 * @throws {TypeError} naming the method, where its tree has its size from its shape or it drafts no trees
 */
export function withNodes(method: Method, nodes: number | null): Method {
  if (nodes === null || method.kind !== 'engine') return method;
  const { tree = 'auto', stitch } = method.options;
  if (stitch !== undefined) {
    throw new TypeError(
      `Expected a method that drafts trees with --nodes but received ${method.name}. Leave it away, or --nodes.`,
    );
  }
  const shape = parseTreeShape(tree);
  if (shape.kind === 'static') {
    throw new TypeError(
      `Expected a tree of any size for the method ${method.name} with --nodes but received ${tree}, whose shape says its ` +
        'size. Leave --nodes away, or give the method another tree, such as dynamic:8.',
    );
  }
  const kind = shape.kind === 'grown' ? shape.rule : shape.kind;
  return { ...method, options: { ...method.options, tree: `${kind}:${nodes}` } };
}

/** Draft tokens of a round of synthetic drafts and peers, where none are asked for. */
export const defaultNodes = 4;
