// What a benchmark compares with plain decoding. Knows nothing of how it is measured.
import type { EngineOptions } from '../engine/options.js';
import type { PeerName } from './peers/peers.js';

/** Engine options that can be handed to another process. */
export type MethodOptions = Omit<
  EngineOptions,
  'target' | 'draft' | 'context' | 'draftContext' | 'onMeasure' | 'drafter'
> & { readonly drafter?: string | readonly string[] | undefined };

/** A way of generating, as plain data. */
export type Method = {
  readonly name: string;
  /** As it was asked for. */
  readonly requested: string;
} & (
  | { readonly kind: 'engine'; readonly options: MethodOptions }
  | {
      readonly kind: 'synthetic';
      /** [at least 1]: how often a draft token of each depth is accepted once its parent is; the last one goes on. */
      readonly rates: readonly number[];
    }
  | { readonly kind: 'peer'; readonly peer: PeerName; readonly binary: string | undefined }
);

/** Draft tokens of a round where a method without a tree of its own is to have so many. */
export function withNodes(method: Method, nodes: number | null): Method {
  if (nodes === null || method.kind !== 'engine') return method;
  return { ...method, options: { ...method.options, tree: `auto:${nodes}` } };
}

/** Draft tokens of a round of synthetic drafts and peers, where none are asked for. */
export const defaultNodes = 4;
