// Runs a model over texts and finds out what its verification can leave out.
import type { Context } from '../model/context.js';
import { Sampler } from '../model/sampler.js';
import {
  chooseAnchors,
  layerOverlap,
  meanChannelShares,
  meanSkipped,
  medianShares,
  type ChannelShares,
  type ExpertShares,
  type LayerOverlap,
} from '../sparse/calibration.js';
import { defaultBlockSize, type AttentionPlan, type BlockChoice } from '../sparse/plan.js';
import type { TokenId } from '../types.js';
import { requireAttention } from './thinned-target.js';

/** What {@link calibrateSparse} is asked for. */
export interface CalibrateOptions {
  /** Long enough to leave something out; each is read once. */
  readonly texts: readonly (readonly TokenId[])[];
  /** Tokens of the context that attention is to read. */
  readonly tokens: number;
  /** Tokens of a batch, default 8. */
  readonly batchTokens?: number | undefined;
  /** Batches of each text, spread over its second half, default 8. */
  readonly batches?: number | undefined;
  readonly blockSize?: number | undefined;
  /** Layers that choose less alike than this choose for themselves, default 0.75. */
  readonly threshold?: number | undefined;
  /** Batches that are done, of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What a calibration found. */
export interface SparseCalibration {
  readonly batches: number;
  readonly batchTokens: number;
  readonly tokens: number;
  readonly blockSize: number;
  /** Layers that choose blocks for themselves. */
  readonly anchors: readonly number[];
  readonly overlap: LayerOverlap;
  /** [numLayers][numUsed - 1]: median shares of the lightest experts; undefined without experts. */
  readonly shares?: readonly (readonly number[])[] | undefined;
  /** [numUsed - 1]: experts that a token skips on average where it may skip 1, 2, .. by these shares. */
  readonly skipped?: readonly number[] | undefined;
  /** Thresholds of gate activations, and the shares of channels below them, layer by layer. */
  readonly thresholds: readonly number[];
  readonly channels: readonly ChannelShares[];
}

/** Thresholds that the paper measures (arXiv:2512.21911). */
const thresholds = [0.01, 0.05, 0.1];
const numFirstAnchors = 2;
const keptChoice = { sinkTokens: 16, localTokens: 128, keepsChoice: true };

/**
 * Decodes batches of a text where its own tokens are the drafts, and compares what the layers chose.
 * @param context  empty, and as long as the longest text
 * @throws {UnsupportedCacheError} when nothing of the model's attention can be left out
 * @throws {RangeError} when no text is longer than the budget
 */
export async function calibrateSparse(
  context: Context,
  options: CalibrateOptions,
): Promise<SparseCalibration> {
  const {
    texts,
    tokens,
    batchTokens = 8,
    batches = 8,
    blockSize = defaultBlockSize,
    threshold = 0.75,
  } = options;
  const long = await longTexts(context, texts, 2 * (tokens + batchTokens));
  const sequence = context.sequence();
  const sampler = new Sampler({ temperature: 0 });
  const attention: AttentionPlan = { ...keptChoice, budget: tokens, blockSize };
  const choices: BlockChoice[][] = [];
  const channels: ChannelShares[][] = [];
  const experts: ExpertShares[][] = [];
  for (const text of long) {
    for (let batch = 0; batch < batches; batch++) {
      const half = text.length / 2;
      const start = Math.floor(half + (batch / batches) * (half - batchTokens));
      await sequence.prefill(text.slice(0, start));
      const batchOf = { tokens: text.slice(start, start + batchTokens), sampler };
      (await sequence.decode({ ...batchOf, sparse: { thresholds } })).rows.release();
      const measured = await context.sparseMeasures();
      channels.push(measured.feedForward);
      experts.push(measured.experts);
      (await sequence.decode({ ...batchOf, sparse: { attention } })).rows.release();
      choices.push(await context.sparseChoices());
      sequence.commit(-1);
      options.onProgress?.(choices.length, long.length * batches);
    }
  }
  const overlap = layerOverlap(choices);
  const numUsed = Math.max(0, ...experts.flat().map((entry) => entry.numUsed));
  return {
    batches: choices.length,
    batchTokens,
    tokens,
    blockSize,
    anchors: chooseAnchors(overlap, threshold, numFirstAnchors),
    overlap,
    ...(numUsed > 1 && expertRule(experts, context.model.info.numLayers, numUsed - 1)),
    thresholds,
    channels: meanChannelShares(channels),
  };
}

function expertRule(
  experts: readonly (readonly ExpertShares[])[],
  numLayers: number,
  most: number,
): Pick<SparseCalibration, 'shares' | 'skipped'> {
  const shares = medianShares(experts, numLayers, most);
  const skipped = Array.from({ length: most }, (_, index) =>
    meanSkipped(
      experts,
      shares.map((row) => row.slice(0, index + 1)),
    ),
  );
  return { shares, skipped };
}

async function longTexts(
  context: Context,
  texts: CalibrateOptions['texts'],
  smallest: number,
): Promise<CalibrateOptions['texts']> {
  requireAttention(await context.sparseSupport(), context.model.info.architecture);
  const long = texts.filter(({ length }) => length >= smallest);
  if (long.length > 0) return long;
  const longest = Math.max(0, ...texts.map(({ length }) => length));
  throw new RangeError(
    `Expected a text of at least ${smallest} tokens, twice the budget, but the longest has ${longest}`,
  );
}
