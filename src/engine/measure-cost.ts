// Measures what batches and drafts cost before the first generation. Leaves contexts empty.
import { median, sum } from 'simple-statistics';
import type { BatchMeasurement } from '../cost/batch-cost.js';
import type { CostCalibration } from '../cost/round-cost.js';
import type { ThinnedMeasurement } from '../cost/thinned-cost.js';
import type { Draft, Drafter } from '../draft/drafter.js';
import type { Context } from '../model/context.js';
import { Sampler } from '../model/sampler.js';
import type { SparsePlan } from '../sparse/plan.js';
import type { Verifier } from '../verify/verifier.js';
import { batchOf, roundUniforms } from './round.js';

const batchSizes = [1, 2, 3, 5, 9, 17, 33, 65] as const;
/** A GPU takes other ways through batches of sizes between those, and the first batch on each way takes long. */
const sizesBetween = [4, 6, 7, 8, 11, 13] as const;
const draftSizes = [1, 2, 4, 8, 16, 32] as const;
const verifiedSizes = [1, 4, 16] as const;
/** Runs of a size after its first one, for a graph is new in the first two; more where all take no longer than so many milliseconds. */
const repetitions = { least: 2, most: 8, ms: 40 } as const;
/** Share of the time left that a size may be timed again for, if it is not the last one. */
const keptShare = 1 / 3;
/** Milliseconds for batches; a size that would not fit any more is left out. */
const batchesMs = 900;
/** Likewise for the sizes between. */
const betweenMs = 400;
/** Likewise for batches after a long context. */
const contextMs = 450;
/** Likewise for drafts. */
const draftsMs = 400;
/** Likewise for the batches of one plan. */
const planMs = 200;

/** What a change of size costs is measured this often, where that takes no longer than so many milliseconds. */
const numChanges = 4;
const changesMs = 300;
/** Batches of a size in a row: those that may be slow, and those that they are held against. */
const [slow, steady] = [2, 3] as const;

/** Tokens of a text that drafts are timed after. */
const draftedAfter = 32;
/** Tokens of a text that a drafter reads to be timed. */
const readTokens = 64;
/** Milliseconds for verifying. */
const verifyMs = 150;
/** Batches are timed after so many tokens, too, or as many as there is room for, if that is not too few to tell. */
const longContext = 2048;
const tellingContext = 256;
/** From one token of a timed batch to the next. */
const stride = 101;

/** Options of {@link measureCost}. */
export interface MeasureCostOptions {
  readonly context: Context;
  readonly drafter: Drafter;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /** Rule whose time is taken, too; undefined: it is learnt from rounds. */
  readonly verifier?: Verifier | undefined;
  /** Batches are timed after so many tokens each, in place of one length that tells; half a second for each. */
  readonly contextLengths?: readonly number[] | undefined;
  /** Measures what a change of the size of batches costs, and more sizes; default where layers are on a GPU. */
  readonly measuresSizeChange?: boolean | undefined;
  /** Share of the work that is done. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/**
 * Times target batches of several sizes on an empty context and drafts after a short text, for two seconds at most. `llama_decode` waits for
 * its device, so that a timer around it tells the whole.
 * @throws {DecodeError} when a batch fails
 */
export async function measureCost(options: MeasureCostOptions): Promise<CostCalibration> {
  const { context, drafter, maxNodes, onProgress } = options;
  // A state that cannot go back cannot be measured without spoiling it: it is learnt from real rounds.
  if (context.info.rollback !== 'full') return { batches: [], drafts: [] };
  const sequence = context.sequence();
  const { measuresSizeChange = context.model.gpuLayers !== 0 } = options;
  const sizes = batchSizesUpTo(maxNodes, context);
  const timeBatch = batchTimer(context);
  const batches: BatchMeasurement[] = [];
  const timed = await timeSizes(sizes, timeBatch, batchesMs);
  const between = measuresSizeChange ? sizesBetween.filter((size) => size < timed.at(-1)!.size) : [];
  for (const { size, ms } of [...timed, ...(await timeSizes(between, timeBatch, betweenMs, timed))])
    batches.push({ numTokens: size, contextLength: 0, ms });
  const sizeChangeMs = measuresSizeChange ? await timeSizeChange(timed, timeBatch) : undefined;
  onProgress?.(0.3);
  // The smallest and the largest tell most.
  const telling = [...new Set([timed[0]!, timed.at(-1)!, timed[timed.length >> 1]!])];
  const lengths = lengthsFor(options, timed.at(-1)!.size);
  for (const [index, contextLength] of lengths.entries()) {
    // What is attended to makes no difference to how long that takes.
    await sequence.claim(contextLength);
    for (const { size, ms } of await timeSizes(
      telling.map((one) => one.size),
      timeBatch,
      contextMs,
      telling,
    ))
      batches.push({ numTokens: size, contextLength, ms });
    onProgress?.(0.3 + (0.5 * (index + 1)) / lengths.length);
  }
  const drafts = await timeDrafts(options);
  const verifications = await timeVerifying(options);
  const readMsPerToken = await timeReading(context, drafter);
  drafter.rollback(0);
  await sequence.truncate(0);
  onProgress?.(1);
  return {
    batches,
    readMsPerToken,
    sizeChangeMs,
    verifications,
    drafts,
  };
}

/** Lengths that batches are timed after, beside none: those asked for, or one that tells. */
function lengthsFor(
  { context: { info }, contextLengths }: MeasureCostOptions,
  largestBatch: number,
): readonly number[] {
  const room = info.contextSize - largestBatch;
  if (contextLengths !== undefined) return contextLengths.filter((length) => length <= room);
  return room < tellingContext ? [] : [Math.min(longContext, room)];
}

/**
 * What is drafted after: a drafter that copies needs tokens that repeat; any other is to draft by itself, and those beside it
 * find nothing in tokens that never do.
 */
function textToDraft({ model, info }: Context, { isWeightless = false }: Drafter): Int32Array {
  const { vocabSize } = model.info;
  const first = Math.floor(vocabSize / 2);
  if (isWeightless) return Int32Array.of(first, first);
  const length = Math.min(draftedAfter, Math.max(2, info.contextSize >> 1));
  return Int32Array.from({ length }, (_, index) => (first + index) % vocabSize);
}

/** A draft to be timed. */
function draftAfter(
  tokens: Int32Array,
  drafter: Drafter,
  maxNodes: number,
  needsDraftProbs: boolean,
): Promise<Draft> {
  return drafter.draft({ tokens, maxNodes, sampling: {}, needsDraftProbs, uniform: () => 0.5 });
}

/** What drafts take, after a text that was read. */
async function timeDrafts({ context, drafter, maxNodes }: MeasureCostOptions) {
  const prompt = textToDraft(context, drafter);
  await drafter.begin(Array.from(prompt));
  const time = async (numNodes: number): Promise<Timed> => {
    const startedAt = performance.now();
    const draft = await draftAfter(prompt, drafter, numNodes, drafter.hasDraftProbs);
    const ms = performance.now() - startedAt;
    draft.draftProbs?.release?.();
    drafter.rollback(prompt.length);
    return { size: draft.tree.numNodes, ms };
  };
  const times = await timeSizes(withLargest(draftSizes, maxNodes), time, draftsMs);
  return times.filter(({ size }) => size > 0).map(({ size, ms }) => ({ numNodes: size, ms }));
}

/** What a round takes beside its draft and its batch. */
async function timeVerifying({ context, drafter, maxNodes, verifier }: MeasureCostOptions) {
  if (verifier === undefined) return undefined;
  const sequence = context.sequence();
  const prompt = textToDraft(context, drafter);
  await sequence.prefill(prompt.subarray(0, -1));
  const sampler = new Sampler({});
  const time = async (numNodes: number): Promise<Timed> => {
    const { tree, draftProbs } = await draftAfter(prompt, drafter, numNodes, verifier.needsDraftProbs);
    const [tokens, parents] = batchOf(prompt.at(-1)!, tree);
    const { rows, samplingMs } = await sequence.decode({ tokens, parents, sampler });
    const startedAt = performance.now();
    verifier.verify({ tree, draftProbs, targetProbs: rows, uniforms: roundUniforms(0, 0, tree) });
    const ms = performance.now() - startedAt + samplingMs;
    rows.release();
    draftProbs?.release?.();
    sequence.commit(-1);
    drafter.rollback(prompt.length);
    return { size: tree.numNodes, ms };
  };
  const times = await timeSizes(withLargest(verifiedSizes, maxNodes), time, verifyMs);
  return times.filter(({ size }) => size > 0).map(({ size, ms }) => ({ numNodes: size, ms }));
}

/** Milliseconds that the drafter takes to read a token: the less of two runs over different texts. */
async function timeReading({ model, info }: Context, drafter: Drafter): Promise<number> {
  const count = Math.min(readTokens, info.contextSize);
  const times: number[] = [];
  for (const first of [0, count]) {
    const text = Array.from({ length: count }, (_, index) => (first + index) % model.info.vocabSize);
    const startedAt = performance.now();
    await drafter.begin(text);
    times.push((performance.now() - startedAt) / count);
  }
  return Math.min(...times);
}

/**
 * Times batches under each plan on an empty context, for a fifth of a second each: of what is left out whatever the context.
 * @param plans  by name; undefined is a dense batch
 */
export async function measurePlans(
  context: Context,
  maxNodes: number,
  plans: ReadonlyMap<string, SparsePlan | undefined>,
  onProgress?: (share: number) => void,
): Promise<ThinnedMeasurement[]> {
  if (context.info.rollback !== 'full') return [];
  const measured: ThinnedMeasurement[] = [];
  let numDone = 0;
  for (const [variant, plan] of plans) {
    const times = await timeSizes(batchSizesUpTo(maxNodes, context), batchTimer(context, plan), planMs);
    for (const { size, ms } of times) measured.push({ variant, numTokens: size, contextLength: 0, ms });
    onProgress?.(++numDone / plans.size);
  }
  await context.sequence().truncate(0);
  return measured;
}

function batchSizesUpTo(maxNodes: number, { info }: Context): number[] {
  return withLargest(batchSizes, Math.min(maxNodes + 1, info.batchSize, info.contextSize));
}

/** Decodes batches of so many different tokens: equal ones would all want the same experts. */
function batchTimer(context: Context, sparse?: SparsePlan): (numTokens: number) => Promise<Timed> {
  const sequence = context.sequence();
  const { vocabSize } = context.model.info;
  const sampler = new Sampler({ temperature: 0 });
  return async (numTokens) => {
    const tokens = Int32Array.from(
      { length: numTokens },
      (_, index) => Math.floor(vocabSize / 2 + stride * index) % vocabSize,
    );
    const { rows, decodeMs } = await sequence.decode({ tokens, sampler, sparse });
    rows.release();
    sequence.commit(-1);
    return { size: numTokens, ms: decodeMs };
  };
}

/**
 * Milliseconds that the first batches of a size take beyond those that follow, the median over changes between a single token
 * and the middle one of the sizes; undefined where batches take so long that it does not count.
 */
async function timeSizeChange(
  timed: readonly Timed[],
  run: (size: number) => Promise<Timed>,
): Promise<number | undefined> {
  const pair = [timed[0]!, timed[timed.length >> 1]!];
  const expectedMs = ((numChanges * (slow + steady)) / 2) * sum(pair.map(({ ms }) => ms));
  if (expectedMs > changesMs) return undefined;
  const extras: number[] = [];
  for (let change = 0; change < numChanges; change++) {
    const { size } = pair[change % 2]!;
    const times: number[] = [];
    for (let batch = 0; batch < slow + steady; batch++) times.push((await run(size)).ms);
    extras.push(sum(times.slice(0, slow)) - slow * median(times.slice(slow)));
  }
  return Math.max(0, median(extras));
}

/** The sizes up to the largest, and that one. */
function withLargest(sizes: readonly number[], largest: number): number[] {
  return [...new Set([...sizes.filter((size) => size < largest), largest])].filter((size) => size > 0);
}

/** Costs grow with size at most in proportion. */
function growthOf(size: number, from: number, known: readonly Timed[]): number {
  const [ms, fromMs] = [size, from].map((one) => known.find((timed) => timed.size === one)?.ms);
  return ms !== undefined && fromMs ? ms / fromMs : size / from;
}

interface Timed {
  readonly size: number;
  readonly ms: number;
}

/**
 * The least time of each size that fits into the budget, in the order of sizes: whatever else the machine does only adds to
 * it. The first run of all reads the weights into memory and does not count.
 * @param known  times of these sizes elsewhere, which tell how much longer one takes than another
 */
async function timeSizes(
  sizes: readonly number[],
  run: (size: number) => Promise<Timed>,
  budgetMs: number,
  known: readonly Timed[] = [],
): Promise<readonly Timed[]> {
  const results: Timed[] = [];
  if (sizes.length > 0) await run(sizes[0]!);
  const startedAt = performance.now();
  for (const [index, size] of sizes.entries()) {
    const left = budgetMs - (performance.now() - startedAt);
    const before = results.at(-1);
    const expected = before === undefined ? 0 : before.ms * growthOf(size, before.size, known);
    if (before !== undefined && expected > left) break;
    const timed = async (): Promise<Timed & { readonly wallMs: number }> => {
      const from = performance.now();
      return { ...(await run(size)), wallMs: performance.now() - from };
    };
    const times = [await timed()];
    const share = index === sizes.length - 1 ? 1 : keptShare;
    const allowedMs = share * left;
    const numOwed = Math.min(repetitions.least, Math.floor(allowedMs / times[0]!.wallMs));
    const quickMs = Math.min(repetitions.ms, allowedMs);
    for (let [count, spentMs] = [0, 0]; count < repetitions.most; count++) {
      if (count >= numOwed && spentMs + times.at(-1)!.wallMs > quickMs) break;
      times.push(await timed());
      spentMs += times.at(-1)!.wallMs;
    }
    results.push(times.reduce((least, time) => (time.ms < least.ms ? time : least)));
  }
  return results;
}
