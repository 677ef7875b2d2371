// Sparse plans as the addon takes them.
import type { NativeSparsePlan } from '../bindings/native.js';
import { defaultBlockSize, type AttentionPlan, type SparsePlan } from '../sparse/plan.js';
import { requireInteger } from './options.js';

const wholeAttention: AttentionPlan = {
  budget: 0,
  blockSize: defaultBlockSize,
  sinkTokens: 0,
  localTokens: 0,
};

/**
 * undefined where nothing is left out.
 * @param isOnGpu  some layers are computed where a place among the experts cannot be left empty
 */
export function nativePlan(plan: SparsePlan | undefined, isOnGpu: boolean): NativeSparsePlan | undefined {
  const isDense =
    plan?.attention === undefined && plan?.experts === undefined && plan?.feedForward === undefined;
  if (plan === undefined || (isDense && plan.thresholds === undefined)) return undefined;
  const { attention = wholeAttention, experts } = plan;
  if (plan.attention !== undefined) requireInteger('the budget of sparse attention', attention.budget, 1);
  const loneShare = experts?.loneShare ?? 0;
  if (experts !== undefined) requireInteger('skipped experts', experts.skipped, loneShare > 0 ? 0 : 1);
  return {
    numAttended: attention.budget,
    blockSize: attention.blockSize,
    numSink: attention.sinkTokens,
    numLocal: attention.localTokens,
    anchors: attention.anchors && Int32Array.from(attention.anchors),
    keepsChoice: attention.keepsChoice ?? false,
    numSkipped: experts?.skipped ?? 0,
    skipShares: experts?.shares && Float64Array.from(experts.shares.flat()),
    loneShare,
    fillsPlaces: isOnGpu,
    ffnThresholds: plan.feedForward && Float64Array.from(plan.feedForward.thresholds),
    thresholds: plan.thresholds && Float64Array.from(plan.thresholds),
  };
}
