// Which layers go to the GPU when several models share its memory. Knows nothing of how a model is loaded.

/** What one model would need on the GPU, in bytes. */
export interface PlacementNeed {
  readonly name: string;
  readonly numLayers: number;
  /** Weights with every layer offloaded. */
  readonly modelBytes: number;
  /** KV cache with every layer offloaded. */
  readonly contextBytes: number;
  /** Work space, needed as soon as one layer is offloaded. */
  readonly computeBytes: number;
}

/** Layers of each model on the GPU, and why. */
export interface Placement {
  /** [numModels]; the output matrix counts as one more layer. */
  readonly gpuLayers: readonly number[];
  readonly explanation: string;
}

/** Share of the free memory that is left to the driver and to estimates that were too small. */
const reservedShare = 0.08;

/**
 * Places models within `freeBytes`. The first is the target. Where not everything fits, the other models go whole if
 * they take at most a quarter, because a drafter that is slow is worth nothing, and the target takes what is left, layer
 * by layer; a drafter that does not fit computes on the CPU.
 */
export function planPlacement(needs: readonly PlacementNeed[], freeBytes: number): Placement {
  const budget = freeBytes * (1 - reservedShare);
  const total = needs.reduce((sum, need) => sum + wholeBytes(need), 0);
  if (needs.length === 0 || budget <= 0) {
    return { gpuLayers: needs.map(() => 0), explanation: 'all layers on the CPU: no free device memory' };
  }
  if (total <= budget) {
    return {
      gpuLayers: needs.map(({ numLayers }) => numLayers + 1),
      explanation: `all layers on the GPU: ${mebibytes(total)} of ${mebibytes(freeBytes)} MiB free`,
    };
  }
  const [target, ...others] = needs;
  const gpuLayers = [0];
  let left = budget;
  for (const other of others) {
    const fits = wholeBytes(other) <= budget / 4;
    gpuLayers.push(fits ? other.numLayers + 1 : 0);
    if (fits) left -= wholeBytes(other);
  }
  gpuLayers[0] = layersWithin(target!, left);
  const shares = needs.map(({ name, numLayers }, index) => `${name} ${gpuLayers[index]} of ${numLayers + 1}`);
  return {
    gpuLayers,
    explanation:
      `layers on the GPU: ${shares.join(', ')} ` +
      `(${mebibytes(total)} MiB needed for all, ${mebibytes(freeBytes)} MiB free)`,
  };
}

function wholeBytes({ modelBytes, contextBytes, computeBytes }: PlacementNeed): number {
  return modelBytes + contextBytes + computeBytes;
}

function layersWithin(need: PlacementNeed, bytes: number): number {
  const perLayer = (need.modelBytes + need.contextBytes) / (need.numLayers + 1);
  return Math.max(0, Math.min(need.numLayers + 1, Math.floor((bytes - need.computeBytes) / perLayer)));
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
