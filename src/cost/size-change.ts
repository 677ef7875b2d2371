// What it costs that a batch has another size than the one before. Knows nothing of devices.

/** A change that takes less than so many plain tokens is not worth minding. */
const leastTokens = 0.2;
/** Share of the time that changes may cost which are made to find something out. */
const findingShare = 0.02;
/** Rounds that a size is held for, at a guess. */
const heldRounds = 16;
/** There and back. */
const changesPerTry = 2;

/**
 * A GPU records what a batch runs and plays it again for batches of the same size: the first two of another size take longer.
 * Where that counts, drafts are best of one size, and little is tried.
 */
export class SizeChange {
  /** Milliseconds that the first batches of another size take beyond those that follow, in all. */
  readonly ms: number;

  constructor(ms = 0) {
    this.ms = ms;
  }

  /** Of them, what the first one takes. */
  get firstMs(): number {
    return this.ms / 2;
  }

  /** Plain tokens that a try costs: one change there, and one back. */
  tokensPerTry(plainMs: number): number {
    return (changesPerTry * this.ms) / plainMs;
  }

  /** False where sizes may change from round to round. */
  counts(plainMs: number | undefined): boolean {
    return plainMs !== undefined && plainMs > 0 && this.ms >= leastTokens * plainMs;
  }

  /** Of the time of the rounds that follow. */
  share(roundMs: number): number {
    return this.ms / (heldRounds * roundMs);
  }

  /** Rounds from one try to the next, in as many as there are otherwise, at least 1. */
  patience(roundMs: number, usualRounds: number): number {
    return Math.max(1, (changesPerTry * this.ms) / (findingShare * roundMs * usualRounds));
  }
}
