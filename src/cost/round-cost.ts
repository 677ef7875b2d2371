// What a round costs: its draft, its batch, and the rest. Knows nothing of models.
import { mean } from 'simple-statistics';
import { numBatchNodes, type RoundRecord } from '../metrics/counters.js';
import { BatchCost, type BatchMeasurement } from './batch-cost.js';
import { SizeChange } from './size-change.js';
import { SizeCurve, steadyMean } from './size-curve.js';

/** Costs measured before the first generation. */
export interface CostCalibration {
  /** Batches of the target on an empty context, and after a long one. */
  readonly batches: readonly BatchMeasurement[];
  /** Drafts by their nodes. */
  readonly drafts: readonly { readonly numNodes: number; readonly ms: number }[];
  /** Verifying, by the nodes of the draft. */
  readonly verifications?: readonly { readonly numNodes: number; readonly ms: number }[] | undefined;
  /** Milliseconds that the drafter takes to read a token of a text before its first draft. */
  readonly readMsPerToken?: number | undefined;
  /** Milliseconds that the first batches of another size take beyond those that follow; default 0. */
  readonly sizeChangeMs?: number | undefined;
}

/** Batches of a size before it has settled. */
const transient = 2;
/** Batches that are left out in a row before they are taken for what is usual. */
const maxSkipped = 6;

/**
 * Rounds whose middle half tells what rounds take beyond the sum of their parts: accidents do not, for plain decoding has some,
 * too, and what takes now little, now much, counts as its mean.
 */
const slownessRounds = 12;
/** Rounds that "no slower than the parts" stands for. */
const prior = [1, 1];

/**
 * Plain tokens are learnt from once in so many milliseconds: of a small model to learn from each would take a good part of the
 * time that it tells.
 */
const learningMs = 16;

/** Predicts rounds, and learns from each. */
export class RoundCost {
  /** What rounds take when sizes change is in no prediction. */
  readonly sizeChange: SizeChange;
  readonly #batch: BatchCost;
  /** Several drafters take now little, now much. */
  readonly #draft = new SizeCurve(steadyMean);
  /** Verifying and what else a round takes, by the nodes of its draft. */
  readonly #rest = new SizeCurve();
  /** What rounds took lately, in sums of their parts: sizes that change from round to round, and models in turn, take longer. */
  #slowness = 1;
  /** The same of each of the last rounds. */
  #slownesses: number[] = [];
  /** Tokens of the last batches, the latest last. */
  #sizes: number[] = [];
  #numSkipped = 0;
  /** Milliseconds of plain decoding since a token of it was learnt from. */
  #sinceLearnt = Infinity;

  constructor(calibration?: CostCalibration) {
    this.#batch = new BatchCost(calibration?.batches);
    this.sizeChange = new SizeChange(calibration?.sizeChangeMs);
    for (const { numNodes, ms } of calibration?.drafts ?? []) this.#draft.observe(numNodes, ms);
    for (const { numNodes, ms } of calibration?.verifications ?? []) this.#rest.observe(numNodes, ms);
  }

  /**
   * @param contextLength  tokens before the round
   * @param isReading      the drafter had to read the text first, which says nothing of other rounds
   */
  observe(record: RoundRecord, contextLength: number, isReading = false): void {
    const { numDraftTokens, isPlain, draftMs, decodeMs, verifyMs, roundMs } = record;
    const numNodes = numBatchNodes(record);
    const isTelling = numNodes > 0 && !isReading && this.#batch.knowsSizes;
    const parts = isTelling ? this.#parts(numNodes, contextLength, true, numDraftTokens) : undefined;
    if (!isPlain && !isReading) this.#draft.observe(numDraftTokens, draftMs);
    // To see that nothing is worth its time takes a look, and what comes after it is no plain decoding.
    if (!isPlain && numNodes === 0) {
      // But it is a batch of one token.
      if (this.sizeChange.ms > 0) this.#isSteady(0);
      return;
    }
    const isSteady = this.#isSteady(numNodes);
    // A change of size that counts is charged where sizes are chosen, not to the rounds that follow.
    if (parts && (isSteady || !this.holdsSizes(contextLength))) this.#observeSlowness(roundMs / parts);
    if (numNodes > 0) this.#sinceLearnt = Infinity;
    if (isSteady && numNodes === 0 && !this.#isToldAnew(decodeMs)) return;
    if (isSteady) {
      this.#batch.observe({ numTokens: numNodes + 1, contextLength, ms: decodeMs });
    }
    // What a single plain round takes beside its batch, plain decoding pays once for many tokens.
    const rest = numNodes === 0 ? verifyMs : Math.max(0, roundMs - draftMs - decodeMs);
    if (numNodes > 0 || isSteady) this.#rest.observe(numNodes, rest);
  }

  /** True where a change of size takes so long that drafts are best of one size. */
  holdsSizes(contextLength: number): boolean {
    return this.sizeChange.ms > 0 && this.sizeChange.counts(this.predict(0, contextLength));
  }

  #isToldAnew(decodeMs: number): boolean {
    this.#sinceLearnt += decodeMs;
    if (this.#sinceLearnt < learningMs) return false;
    this.#sinceLearnt = 0;
    return true;
  }

  #observeSlowness(ratio: number): void {
    this.#slownesses = [...this.#slownesses, ratio].slice(-slownessRounds);
    const sorted = [...this.#slownesses, ...prior].sort((one, other) => one - other);
    const outer = Math.floor(sorted.length / 4);
    this.#slowness = mean(sorted.slice(outer, sorted.length - outer));
  }

  /**
   * A graph is built when a batch has another size than the one before, and on a GPU recorded when it comes twice: the first
   * two of a size say little of those that follow, unless sizes never stay. A plain token alone says nothing of plain decoding.
   */
  #isSteady(numNodes: number): boolean {
    const isSteady = this.#sizes.length === transient && this.#sizes.every((size) => size === numNodes);
    this.#sizes = [...this.#sizes, numNodes].slice(-transient);
    this.#numSkipped = isSteady ? 0 : this.#numSkipped + 1;
    return isSteady || (numNodes > 0 && this.#numSkipped > maxSkipped);
  }

  /**
   * @param numNodes  draft tokens; 0 is plain decoding
   * @returns milliseconds; undefined while too little is known
   */
  predict(numNodes: number, contextLength: number): number | undefined {
    return numNodes === 0 ? this.#parts(0, contextLength) : this.predictDrafted(numNodes, contextLength);
  }

  /** As {@link predict}, of a round that asks for a draft, however many tokens of it there are; fractions are means. */
  predictDrafted(numNodes: number, contextLength: number): number | undefined {
    const parts = this.#parts(numNodes, contextLength, true);
    return parts && parts * this.#slowness;
  }

  #parts(
    numNodes: number,
    contextLength: number,
    isAsked = numNodes > 0,
    numDraftTokens = numNodes,
  ): number | undefined {
    const verification = this.predictVerification(numNodes, contextLength);
    const draft = isAsked ? this.#draft.predict(numDraftTokens) : 0;
    return verification === undefined || draft === undefined ? undefined : verification + draft;
  }

  /** As {@link predict}, without the draft. */
  predictVerification(numNodes: number, contextLength: number): number | undefined {
    const batch = this.#batch.predict(numNodes + 1, contextLength);
    return batch === undefined ? undefined : batch + (this.#rest.predict(numNodes) ?? 0);
  }
}
