// Sparse plans as the addon takes them.
import type { NativeSparsePlan } from '../bindings/native.js';
import type { SparsePlan } from '../sparse/plan.js';

/** undefined where nothing is left out. */
export function nativePlan(plan: SparsePlan | undefined): NativeSparsePlan | undefined {
  const attention = plan?.attention;
  if (attention === undefined) return undefined;
  if (!(Number.isInteger(attention.budget) && attention.budget >= 1)) {
    throw new RangeError(
      `Expected a budget of at least 1 token for sparse attention but received ${attention.budget}`,
    );
  }
  return {
    numAttended: attention.budget,
    blockSize: attention.blockSize,
    numSink: attention.sinkTokens,
    numLocal: attention.localTokens,
    anchors: attention.anchors && Int32Array.from(attention.anchors),
    keepsChoice: attention.keepsChoice ?? false,
  };
}
