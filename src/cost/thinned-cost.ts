// What batches cost by what they leave out. Knows nothing of models, or of what the parts are.
import { BatchCost, type BatchMeasurement } from './batch-cost.js';

/** A batch that left something out, or nothing. */
export interface ThinnedMeasurement extends BatchMeasurement {
  /** What was left out; `dense` for nothing. */
  readonly variant: string;
}

/** Batches of a kind before it has settled: a graph is built for the first, and on a GPU recorded for the second. */
const transient = 2;
/** Batches that are left out in a row before they are taken for what is usual. */
const maxSkipped = 6;
/** Measurements of a variant and size that are kept for another process. */
const memory = 5;

/** The variant that leaves nothing out. */
const denseName = 'dense';

/** A {@link BatchCost} for each variant. */
export class ThinnedCost {
  readonly #costs = new Map<string, BatchCost>();
  readonly #recent = new Map<string, ThinnedMeasurement[]>();
  /** Variants that were measured on empty contexts alone. */
  readonly #onEmpty = new Set<string>();
  /** Kinds of the last batches, the latest last. */
  #kinds: readonly string[] = [];
  #numSkipped = 0;

  /** @param measured  of an earlier process, or before the first batch; empty contexts first */
  constructor(measured: readonly ThinnedMeasurement[] = []) {
    for (const variant of new Set(measured.map((one) => one.variant))) {
      const own = measured.filter((one) => one.variant === variant);
      this.#costs.set(variant, new BatchCost(own.filter(({ contextLength }) => contextLength === 0)));
      if (own.every(({ contextLength }) => contextLength === 0)) this.#onEmpty.add(variant);
    }
    for (const one of measured) {
      if (one.contextLength > 0) this.#costs.get(one.variant)!.observe(one);
      this.#keep(one);
    }
  }

  /** @returns true when the batch counted: the first ones of a kind do not */
  observe(measured: ThinnedMeasurement): boolean {
    const { variant, numTokens } = measured;
    const kind = `${variant} ${numTokens}`;
    const isSteady = this.#kinds.length === transient && this.#kinds.every((one) => one === kind);
    this.#kinds = [...this.#kinds, kind].slice(-transient);
    this.#numSkipped = isSteady ? 0 : this.#numSkipped + 1;
    if (!isSteady && this.#numSkipped <= maxSkipped) return false;
    let cost = this.#costs.get(variant);
    if (cost === undefined) this.#costs.set(variant, (cost = new BatchCost()));
    cost.observe(measured);
    this.#onEmpty.delete(variant);
    this.#keep(measured);
    return true;
  }

  /** @returns milliseconds; undefined before the first measurement of the variant */
  predict(variant: string, numTokens: number, contextLength: number): number | undefined {
    const ms = this.#costs.get(variant)?.predict(numTokens, contextLength);
    if (ms === undefined || variant === denseName || !this.#onEmpty.has(variant)) return ms;
    // What was measured without context alone grows with it as a dense batch does.
    const dense = this.#costs.get(denseName);
    const grown = dense?.predict(numTokens, contextLength);
    const empty = dense?.predict(numTokens, 0);
    return grown === undefined || empty === undefined ? ms : ms + Math.max(0, grown - empty);
  }

  /** What {@link ThinnedCost} begins with in another process. */
  toJSON(): ThinnedMeasurement[] {
    return [...this.#recent.values()].flat();
  }

  #keep(measured: ThinnedMeasurement): void {
    const { variant, numTokens, contextLength } = measured;
    // Empty contexts are what slopes are measured against: real batches do not push them out.
    const kind = `${variant} ${numTokens} ${contextLength === 0}`;
    this.#recent.set(kind, [...(this.#recent.get(kind) ?? []), measured].slice(-memory));
  }
}
