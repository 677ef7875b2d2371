// Native twins of the hot verifiers: the same verdicts as src/verify on rows that never leave the native side.
import { loadAddon } from '../bindings/load-addon.js';
import { nativeCall } from '../bindings/native-error.js';
import type { DistributionRows } from '../sampling/distribution.js';
import type { NodeIndex } from '../tree/token-tree.js';
import { NativeDistributionRows } from './sampler.js';

interface TreeArrays {
  readonly tokens: Int32Array;
  readonly parents: Int32Array;
}

interface NativeVerdict {
  readonly acceptedNodes: readonly NodeIndex[];
  readonly nextToken: number;
  readonly nextTokenKind: 'recovered' | 'bonus';
  readonly bias?: number;
}

/** Native twins of rules, by the names of the rules. */
export const nativeRules: ReadonlyMap<string, string> = new Map([
  ['match', 'match'],
  ['naive', 'match'],
  ['rejection', 'rejection'],
  ['pareto', 'rejection'],
  ['block', 'block'],
  ['recursive', 'recursive'],
  ['traversal', 'traversal'],
  ['k-seq', 'k-seq'],
  ['greedy-multi-draft', 'greedy-multi-draft'],
]);

/** True when both kinds of rows are native, so that a twin can read them in place. */
export function areNativeRows(
  targetProbs: DistributionRows,
  draftProbs: DistributionRows | undefined,
): boolean {
  return (
    targetProbs instanceof NativeDistributionRows &&
    (draftProbs === undefined || draftProbs instanceof NativeDistributionRows)
  );
}

/**
 * Runs the native twin of `rule`.
 * @param epsilon  over-acceptance of a lossy rule, whose verdict tells its bias
 * @throws {ShapeError} when rows, uniforms and tree size disagree
 */
export function verifyNatively(
  rule: string,
  tree: TreeArrays,
  targetProbs: DistributionRows,
  draftProbs: DistributionRows | undefined,
  uniforms: { readonly accept: Float64Array; readonly sample: Float64Array },
  epsilon?: number,
): NativeVerdict {
  const packed = nativeCall(() =>
    loadAddon().verify(
      nativeRules.get(rule) ?? rule,
      tree.tokens,
      tree.parents,
      (targetProbs as NativeDistributionRows).native,
      (draftProbs as NativeDistributionRows | undefined)?.native,
      uniforms.accept,
      uniforms.sample,
      epsilon,
    ),
  );
  return {
    nextToken: packed[0]!,
    nextTokenKind: packed[1] === 1 ? 'bonus' : 'recovered',
    acceptedNodes: Array.from(packed.subarray(3)),
    ...(epsilon !== undefined && { bias: packed[2]! }),
  };
}
