// What a calibration run says about a model: which layers choose alike, how light experts are, how many channels rest.
// Knows nothing of models.
import { median } from 'simple-statistics';
import type { BlockChoice } from './plan.js';

/** Shares of gate activations below some thresholds, in one layer; each [numThresholds]. */
export interface ChannelShares {
  readonly layer: number;
  /** Of a token's channels, on average. */
  readonly perToken: readonly number[];
  /** Of channels in which it holds for all tokens of a batch. */
  readonly perBatch: readonly number[];
  /**
   * Likewise in whole blocks of 32 neighbouring channels, or of 256 where a K-quantised matrix leads down: what a batch could
   * leave out.
   */
  readonly perBlocks: readonly number[];
}

/** Weights of the lightest experts, in one layer. */
export interface ExpertShares {
  readonly layer: number;
  /** Experts of a token. */
  readonly numUsed: number;
  /** [numTokens * (numUsed - 1)]: share of the m lightest in a token's weights, m = 1 .. numUsed - 1. */
  readonly shares: Float32Array;
}

/** How alike layers choose. */
export interface LayerOverlap {
  /** Layers that choose, ascending. */
  readonly layers: readonly number[];
  /** [numLayers][numLayers]: mean Jaccard similarity of their sets of blocks. */
  readonly similarity: readonly (readonly number[])[];
}

/** Size of the common part over that of the union; 1 for two empty sets. Both ascending. */
export function jaccard(one: Int32Array, other: Int32Array): number {
  const common = new Set(one);
  let numCommon = 0;
  for (const block of other) if (common.has(block)) numCommon += 1;
  const union = one.length + other.length - numCommon;
  return union === 0 ? 1 : numCommon / union;
}

/**
 * Mean similarity of what layers chose, over batches.
 * @param batches  choices of the same layers, in the same order, one list a batch
 */
export function layerOverlap(batches: readonly (readonly BlockChoice[])[]): LayerOverlap {
  const layers = batches[0]?.map(({ layer }) => layer) ?? [];
  const similarity = layers.map((_, one) =>
    layers.map((__, other) => {
      const sum = batches.reduce(
        (total, choices) => total + jaccard(choices[one]!.blocks, choices[other]!.blocks),
        0,
      );
      return sum / batches.length;
    }),
  );
  return { layers, similarity };
}

/**
 * Layers that have to choose for themselves: the first ones, then each that is less like the anchor before than
 * `threshold`.
 * @param numFirst  shallow layers choose irregularly, and are anchors
 * @see Jiang et al., arXiv:2512.21911, reuse between layers; the paper names neither list nor threshold
 */
export function chooseAnchors(
  { layers, similarity }: LayerOverlap,
  threshold: number,
  numFirst: number,
): number[] {
  const anchors: number[] = [];
  let last = 0;
  for (const [index, layer] of layers.entries()) {
    if (index >= numFirst && index > 0 && similarity[last]![index]! >= threshold) continue;
    anchors.push(layer);
    last = index;
  }
  return anchors;
}

/**
 * For each layer, the median share of the m lightest experts, m = 1 .. `skipped`: half of the calibration's tokens are
 * below. Layers without experts have zeros.
 * @see Lu et al., arXiv:2402.14800, for the last of two experts; Jiang et al., arXiv:2512.21911, for several
 */
export function medianShares(
  batches: readonly (readonly ExpertShares[])[],
  numLayers: number,
  skipped: number,
): number[][] {
  return Array.from({ length: numLayers }, (_, layer) => {
    const measured = batches.flatMap((batch) => batch.filter((entry) => entry.layer === layer));
    return Array.from({ length: skipped }, (__, index) => {
      const values = measured.flatMap(({ shares, numUsed }) =>
        index < numUsed - 1 ? Array.from(shares).filter((___, at) => at % (numUsed - 1) === index) : [],
      );
      return values.length === 0 ? 0 : median(values);
    });
  });
}

/**
 * Experts that a token skips in a layer, on average over tokens and layers with experts.
 * @param limits  [numLayers][skipped]: shares as {@link ExpertPlan} has them
 */
export function meanSkipped(
  batches: readonly (readonly ExpertShares[])[],
  limits: readonly (readonly number[])[],
): number {
  let [numSkipped, numTokens] = [0, 0];
  for (const { layer, numUsed, shares } of batches.flat()) {
    const perToken = numUsed - 1;
    for (let at = 0; at + perToken <= shares.length && perToken > 0; at += perToken) {
      let most = 0;
      limits[layer]!.slice(0, perToken).forEach((limit, index) => {
        if (shares[at + index]! < limit) most = index + 1;
      });
      numSkipped += most;
      numTokens += 1;
    }
  }
  return numTokens === 0 ? 0 : numSkipped / numTokens;
}

/** Means over batches, layer by layer. */
export function meanChannelShares(batches: readonly (readonly ChannelShares[])[]): ChannelShares[] {
  const mean = (lists: readonly (readonly number[])[]): number[] =>
    lists[0]!.map((_, index) => lists.reduce((sum, list) => sum + list[index]!, 0) / lists.length);
  return (batches[0] ?? []).map(({ layer }, index) => {
    const entries = batches.map((batch) => batch[index]!);
    return {
      layer,
      perToken: mean(entries.map(({ perToken }) => perToken)),
      perBatch: mean(entries.map(({ perBatch }) => perBatch)),
      perBlocks: mean(entries.map(({ perBlocks }) => perBlocks)),
    };
  });
}
