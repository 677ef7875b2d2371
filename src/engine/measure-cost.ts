// Measures what batches and drafts cost before the first generation. Leaves contexts empty.
import type { BatchMeasurement } from '../cost/batch-cost.js';
import type { CostCalibration } from '../cost/round-cost.js';
import type { Drafter } from '../draft/drafter.js';
import type { Context } from '../model/context.js';
import { Sampler } from '../model/sampler.js';

const batchSizes = [1, 2, 3, 5, 9, 17, 33, 65] as const;
const draftSizes = [1, 2, 4, 8, 16, 32] as const;
const repetitions = 3;
/** Milliseconds for batches, and for drafts; a size that would not fit any more is left out. */
const budgetMs = 800;

/** Options of {@link measureCost}. */
export interface MeasureCostOptions {
  readonly context: Context;
  readonly drafter: Drafter;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /** Batches are timed after so many tokens, too; takes as long as it takes. */
  readonly contextLengths?: readonly number[] | undefined;
  /** Share of the work that is done. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/**
 * Times target batches and drafts of several sizes on an empty context, for two seconds at most. `llama_decode` waits for
 * its device, so that a timer around it tells the whole.
 * @throws {DecodeError} when a batch fails
 */
export async function measureCost(options: MeasureCostOptions): Promise<CostCalibration> {
  const { context, drafter, maxNodes, onProgress } = options;
  // A state that cannot go back cannot be measured without spoiling it: it is learnt from real rounds.
  if (context.info.rollback !== 'full') return { batches: [], drafts: [] };
  const sequence = context.sequence();
  const token = Math.floor(context.model.info.vocabSize / 2);
  const sampler = new Sampler({ temperature: 0 });
  const largest = Math.min(maxNodes + 1, context.info.batchSize, context.info.contextSize);
  const sizes = withLargest(batchSizes, largest);
  const timeBatch = async (numTokens: number): Promise<Timed> => {
    const tokens = new Int32Array(numTokens).fill(token);
    const { rows, decodeMs } = await sequence.decode({ tokens, sampler });
    rows.release();
    sequence.commit(-1);
    return { size: numTokens, ms: decodeMs };
  };
  const batches: BatchMeasurement[] = [];
  const lengths = (options.contextLengths ?? []).filter(
    (length) => length + largest <= context.info.contextSize,
  );
  for (const [index, contextLength] of [0, ...lengths].entries()) {
    if (contextLength > 0) await sequence.prefill(new Int32Array(contextLength).fill(token));
    for (const { size, ms } of await timeSizes(sizes, timeBatch))
      batches.push({ numTokens: size, contextLength, ms });
    onProgress?.((0.8 * (index + 1)) / (1 + lengths.length));
  }
  const prompt = Int32Array.of(token, token);
  await drafter.begin(Array.from(prompt));
  const drafts = await timeSizes(withLargest(draftSizes, maxNodes), async (numNodes) => {
    const startedAt = performance.now();
    const draft = await drafter.draft({
      tokens: prompt,
      maxNodes: numNodes,
      sampling: {},
      needsDraftProbs: drafter.hasDraftProbs,
      uniform: () => 0.5,
    });
    const ms = performance.now() - startedAt;
    draft.draftProbs?.release?.();
    drafter.rollback(prompt.length);
    return { size: draft.tree.numNodes, ms };
  });
  drafter.rollback(0);
  await sequence.truncate(0);
  onProgress?.(1);
  return {
    batches,
    drafts: drafts.filter(({ size }) => size > 0).map(({ size, ms }) => ({ numNodes: size, ms })),
  };
}

/** The sizes up to the largest, and that one. */
function withLargest(sizes: readonly number[], largest: number): number[] {
  return [...new Set([...sizes.filter((size) => size < largest), largest])].filter((size) => size > 0);
}

interface Timed {
  readonly size: number;
  readonly ms: number;
}

/**
 * The least time of each size that fits into the budget, in ascending order: whatever else the machine does only adds to it.
 * The first run of all reads the weights into memory and does not count.
 */
async function timeSizes(
  sizes: readonly number[],
  run: (size: number) => Promise<Timed>,
): Promise<readonly Timed[]> {
  const results: Timed[] = [];
  if (sizes.length > 0) await run(sizes[0]!);
  const startedAt = performance.now();
  for (const size of sizes) {
    const left = budgetMs - (performance.now() - startedAt);
    const before = results.at(-1);
    // Costs grow with size at most in proportion.
    const expected = before === undefined ? 0 : before.ms * (size / before.size);
    if (before !== undefined && expected > left) break;
    const times = [await run(size)];
    const count = Math.min(repetitions, Math.floor(left / 3 / times[0]!.ms));
    for (let repetition = 0; repetition < count; repetition++) times.push(await run(size));
    results.push(times.reduce((least, time) => (time.ms < least.ms ? time : least)));
  }
  return results;
}
