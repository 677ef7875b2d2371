// Sampling parameters as a native chain, and the rows it fills.
import { loadAddon } from '../bindings/load-addon.js';
import { nativeCall } from '../bindings/native-error.js';
import type { NativeRows, NativeSampler } from '../bindings/native.js';
import type { Distribution, DistributionRows } from '../sampling/distribution.js';
import { resolveSampling } from '../sampling/params.js';
import type { SamplingParams, TokenId, TokenLogprob, TokenLogprobs } from '../types.js';

/** A sampler chain on the native side; immutable, usable by any context. */
export class Sampler {
  readonly params: Required<SamplingParams>;
  /** @internal */
  readonly native: NativeSampler;

  /** @throws {RangeError | TypeError} on values out of range and unknown keys */
  constructor(params: SamplingParams = {}) {
    const resolved = resolveSampling(params);
    this.params = resolved;
    this.native = nativeCall(
      () =>
        new (loadAddon().Sampler)({
          ...resolved,
          drySequenceBreakers: Int32Array.from(resolved.drySequenceBreakers ?? []),
          biasTokens: Int32Array.from(resolved.logitBias?.keys() ?? []),
          biasValues: Float64Array.from(resolved.logitBias?.values() ?? []),
        }),
    );
  }

  /** True when the distribution of a token depends on the tokens before it through penalties. */
  get needsHistory(): boolean {
    const { repeatPenalty, frequencyPenalty, presencePenalty, dryMultiplier } = this.params;
    return repeatPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0 || dryMultiplier !== 0;
  }

  /** The distribution of one row of logits, [vocabSize], after `history`. */
  distribution(logits: Float32Array, history: Int32Array = new Int32Array()): Distribution {
    const rows = nativeCall(() => this.native.apply(logits, history));
    const row = rows.row(0);
    rows.release();
    return row;
  }
}

/** Distributions that stay on the native side until a row is asked for. */
export class NativeDistributionRows implements DistributionRows {
  /** @internal */
  readonly native: NativeRows;
  #numRows: number;

  /** @internal */
  constructor(native: NativeRows) {
    this.native = native;
    this.#numRows = native.numRows();
  }

  get numRows(): number {
    return this.#numRows;
  }

  /** Packs rows computed in JavaScript; each row needs a token. */
  static pack(rows: readonly Distribution[]): NativeDistributionRows {
    const offsets = new Int32Array(rows.length + 1);
    rows.forEach((row, index) => (offsets[index + 1] = offsets[index]! + row.ids.length));
    const size = offsets[rows.length]!;
    const ids = new Int32Array(size);
    const probs = new Float64Array(size);
    rows.forEach((row, index) => {
      ids.set(row.ids, offsets[index]!);
      probs.set(row.probs, offsets[index]!);
    });
    return new NativeDistributionRows(nativeCall(() => loadAddon().packRows(offsets, ids, probs)));
  }

  row(index: number): Distribution {
    return nativeCall(() => this.native.row(index));
  }

  /**
   * Of a token in each row, and of the row's likeliest token.
   * @param tokens  [numRows]
   * @returns own and largest, [numRows] each; 0 for tokens outside a row's support
   * @throws {TypeError} on another number of tokens
   */
  probabilities(tokens: ArrayLike<TokenId>): { readonly own: Float64Array; readonly largest: Float64Array } {
    return nativeCall(() => this.native.probabilities(Int32Array.from(tokens)));
  }

  /**
   * Copies rows of others behind these; log-probabilities are not copied.
   * @throws {TypeError} where the others are not native
   */
  append(rows: DistributionRows, indices: readonly number[]): void {
    if (!(rows instanceof NativeDistributionRows)) throw new TypeError('Expected native rows to append');
    nativeCall(() => this.native.append(rows.native, Int32Array.from(indices)));
    this.#numRows += indices.length;
  }

  /**
   * How likely `token` was by this row, and the `numAlternatives` likeliest tokens.
   * @throws {TypeError} where the decode was not asked to keep its logits
   */
  logprobs(index: number, token: TokenId, numAlternatives: number): TokenLogprobs {
    const { ids, logprobs, probs } = nativeCall(() => this.native.logprobs(index, token, numAlternatives));
    const [own, ...alternatives] = Array.from(ids, (id, at): TokenLogprob => {
      const samplingLogprob = probs[at]! > 0 ? Math.log(probs[at]!) : null;
      return { token: id, logprob: logprobs[at]!, samplingLogprob };
    });
    return { ...own!, alternatives };
  }

  /**
   * [count]: natural logs of the largest probabilities by this row's logits, before any sampling parameter, descending.
   * @throws {TypeError} where the decode was not asked to keep its logits
   * Cost: O(vocabSize log count).
   */
  likeliest(index: number, count: number): Float64Array {
    return nativeCall(() => this.native.logprobs(index, 0, count)).logprobs.subarray(1);
  }

  /** Gives the buffer back for the next decode. */
  release(): void {
    this.native.release();
  }
}
