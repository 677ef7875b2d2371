// What a round costs: its draft, its batch, and the rest. Knows nothing of models.
import { numBatchNodes, type RoundRecord } from '../metrics/counters.js';
import { BatchCost, type BatchMeasurement } from './batch-cost.js';
import { RoundMemory } from './round-memory.js';
import { SizeChange } from './size-change.js';

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
 * Plain tokens are learnt from once in so many milliseconds: of a small model to learn from each would take a good part of the
 * time that it tells.
 */
const learningMs = 16;

/** Share of the threads where no other process keeps cores busy. */
const allThreads = 1;
/** Plain tokens in a row at most while threads are given up. */
const cautiousTokens = 16;
/** Shares are alike that differ by less than this factor. */
const alike = 1.15;

/** Predicts rounds, and learns from each. */
export class RoundCost {
  /** What rounds take when sizes change is in no prediction. */
  readonly sizeChange: SizeChange;
  readonly #wasBusy: boolean;
  /** By the share of the threads that computes. */
  readonly #memories = new Map<number, RoundMemory>();
  #memory: RoundMemory;
  /** What was known when others had left the cores that compute alone for certain. */
  #confirmed: RoundMemory;
  /** Of the threads that compute. */
  #share = allThreads;
  /** Tokens of the last batches, the latest last. */
  #sizes: number[] = [];
  #numSkipped = 0;
  /** Milliseconds of plain decoding since a token of it was learnt from. */
  #sinceLearnt = Infinity;

  /** @param wasBusy  others kept cores busy while costs were measured: fewer threads make what was measured no slower */
  constructor(calibration?: CostCalibration, wasBusy = false) {
    this.#wasBusy = wasBusy;
    this.sizeChange = new SizeChange(calibration?.sizeChangeMs);
    this.#memory = new RoundMemory({ batch: new BatchCost(calibration?.batches) });
    this.#memories.set(allThreads, this.#memory);
    for (const { numNodes, ms } of calibration?.drafts ?? []) this.#memory.draft.observe(numNodes, ms);
    for (const { numNodes, ms } of calibration?.verifications ?? []) this.#memory.rest.observe(numNodes, ms);
    this.#confirmed = this.#memory.copy();
  }

  /**
   * The share of the threads that computes from now on, in (0, 1]; all at first. A smaller one says that others keep cores busy,
   * and did for a while: what was learnt since the last {@link confirm} is forgotten. What rounds take is learnt of each share by
   * itself, and what is not known of fewer threads yet is taken to grow as they become fewer.
   */
  setThreadShare(share: number): void {
    if (share === this.#share) return;
    if (share < this.#share) this.#forgetUnconfirmed();
    this.#share = share;
    const memory = this.#memoryOf(share);
    this.#confirmed = memory.copy();
    if (memory === this.#memory) return;
    this.#memory = memory;
    this.#sizes = [];
    this.#sinceLearnt = Infinity;
  }

  /** Others left the cores that compute alone until now: what was learnt holds. */
  confirm(): void {
    this.#confirmed = this.#memory.copy();
  }

  /** Threads are given up for others that were there before they were noticed: what rounds took beside them is not learnt. */
  #forgetUnconfirmed(): void {
    const confirmed = this.#confirmed;
    // To know nothing would be worse.
    if (this.#memory.isKnown && !confirmed.isKnown) return;
    for (const [share, memory] of this.#memories)
      if (memory === this.#memory) this.#memories.set(share, confirmed);
    this.#memory = confirmed;
  }

  /** The share of the threads that computes. */
  get threadShare(): number {
    return this.#share;
  }

  /** Of this share or one that is as good as it; at first what is known of the nearest, as much slower as the threads are fewer. */
  #memoryOf(share: number): RoundMemory {
    // Asked after every round, and nearly always the same.
    const own = this.#memories.get(share);
    if (own !== undefined) return own;
    const distanceTo = (known: number): number => Math.abs(Math.log(known / share));
    const [nearest, memory] = [...this.#memories].sort(
      ([one], [other]) => distanceTo(one) - distanceTo(other),
    )[0]!;
    // What is not known yet cannot be guessed from, and is learnt in any case.
    if (distanceTo(nearest) < Math.log(alike) || !memory.isKnown) return memory;
    const slowed = memory.slowed(this.#wasBusy ? 1 : nearest / share);
    this.#memories.set(share, slowed);
    return slowed;
  }

  /** Plain tokens in a row at most: threads that were given up come back unannounced, and what pays is another thing then. */
  get mostPlainTokens(): number {
    return this.#share === allThreads ? Infinity : cautiousTokens;
  }

  /** True while no plain token was measured with as few threads as compute now. */
  get guessesPlain(): boolean {
    return this.#memory.batch.isGuessed(1);
  }

  /**
   * @param contextLength  tokens before the round
   * @param isReading      the drafter had to read the text first, which says nothing of other rounds
   */
  observe(record: RoundRecord, contextLength: number, isReading = false): void {
    const { numDraftTokens, isPlain, draftMs, decodeMs, verifyMs, roundMs } = record;
    const numNodes = numBatchNodes(record);
    const { batch } = this.#memory;
    const isTelling = numNodes > 0 && !isReading && batch.knowsSizes && !batch.isGuessed(numNodes + 1);
    const parts = isTelling ? this.#parts(numNodes, contextLength, true, numDraftTokens) : undefined;
    if (!isPlain && !isReading) this.#memory.draft.observe(numDraftTokens, draftMs);
    // To see that nothing is worth its time takes a look, and what comes after it is no plain decoding.
    if (!isPlain && numNodes === 0) {
      // But it is a batch of one token.
      if (this.sizeChange.ms > 0) this.#isSteady(0);
      return;
    }
    const isSteady = this.#isSteady(numNodes);
    // A change of size that counts is charged where sizes are chosen, not to the rounds that follow.
    if (parts && (isSteady || !this.holdsSizes(contextLength))) this.#memory.observeSlowness(roundMs / parts);
    if (numNodes > 0) this.#sinceLearnt = Infinity;
    if (isSteady && numNodes === 0 && !this.#isToldAnew(decodeMs)) return;
    // Even a batch among others of other sizes tells more than a guess.
    const isBetter = numNodes > 0 && batch.isGuessed(numNodes + 1) && !this.holdsSizes(contextLength);
    if (isSteady || isBetter) {
      batch.observe({ numTokens: numNodes + 1, contextLength, ms: decodeMs });
    }
    // What a single plain round takes beside its batch, plain decoding pays once for many tokens.
    const rest = numNodes === 0 ? verifyMs : Math.max(0, roundMs - draftMs - decodeMs);
    if (numNodes > 0 || isSteady) this.#memory.rest.observe(numNodes, rest);
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
    return parts && parts * this.#memory.slowness;
  }

  #parts(
    numNodes: number,
    contextLength: number,
    isAsked = numNodes > 0,
    numDraftTokens = numNodes,
  ): number | undefined {
    const verification = this.predictVerification(numNodes, contextLength);
    const draft = isAsked ? this.#memory.draft.predict(numDraftTokens) : 0;
    return verification === undefined || draft === undefined ? undefined : verification + draft;
  }

  /** As {@link predict}, without the draft. */
  predictVerification(numNodes: number, contextLength: number): number | undefined {
    const batch = this.#memory.batch.predict(numNodes + 1, contextLength);
    return batch === undefined ? undefined : batch + (this.#memory.rest.predict(numNodes) ?? 0);
  }
}
