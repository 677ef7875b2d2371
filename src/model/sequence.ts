// One sequence of a context: its tokens, token trees below its tip, and the way back.
import { EventEmitter, on } from 'node:events';
import { isAborted, typedError } from '../bindings/native-error.js';
import type { NativeDecodeRequest, TokenListener } from '../bindings/native.js';
import { BusyError, ContextFullError, DisposedError, UnsupportedCacheError } from '../errors.js';
import { ROOT, type NodeIndex } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';
import { abortable } from './abort.js';
import type { Context } from './context.js';
import { requireInteger } from './options.js';
import { PendingTree } from './pending-tree.js';
import { NativeDistributionRows, type Sampler } from './sampler.js';
import { nativePlan } from './sparse-plan.js';
import type {
  DecodedRows,
  DecodeTreeRequest,
  DraftedTokens,
  DraftTokensRequest,
  ExtendedTokens,
  ExtendRequest,
  GrownTree,
  GrowTreeRequest,
} from './sequence-calls.js';
import { fingerprintOf, readStateFile, writeStateFile } from './state-file.js';
import { TokenBuffer } from './token-buffer.js';

/**
 * A sequence of tokens whose keys and values are in the cache. Decoding a tree leaves it below the tip until
 * {@link commit} keeps one path of it; whatever else is done first drops the tree.
 */
export class Sequence {
  readonly context: Context;
  readonly id: number;
  readonly #tokens = new TokenBuffer();
  #pending: PendingTree | undefined;
  /** Drafted tokens whose cells follow those of `#tokens`. */
  #drafted: Int32Array | undefined;
  /** A commit that the native side has not been told of. */
  #commit: NodeIndex | undefined;
  #isBusy = false;

  /** @internal */
  constructor(context: Context, id: number) {
    this.context = context;
    this.id = id;
  }

  /** Tokens in the cache; a view, valid until the next call. */
  get tokens(): Int32Array {
    return this.#tokens.view;
  }

  /** Number of tokens in the cache. */
  get length(): number {
    return this.#tokens.length;
  }

  /**
   * Makes the sequence hold exactly `tokens`: keeps the prefix it already shares with them and decodes the rest.
   * @returns how many tokens were kept
   * @throws {ContextFullError} before anything is changed
   */
  async prefill(
    tokens: ArrayLike<TokenId>,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly onProgress?: ((done: number) => void) | undefined;
    } = {},
  ): Promise<number> {
    const { contextSize, batchSize } = this.context.info;
    if (tokens.length > contextSize) throw new ContextFullError(tokens.length, contextSize);
    const wanted = Int32Array.from(tokens);
    let kept = this.#tokens.commonPrefix(wanted);
    kept = await this.#cutBack(kept);
    for (let done = kept; done < wanted.length;) {
      options.signal?.throwIfAborted();
      const batch = wanted.subarray(done, Math.min(wanted.length, done + batchSize));
      const { rows } = await this.#decode({ tokens: batch, numPast: done }, options.signal);
      rows.release();
      this.#tokens.append(batch);
      done += batch.length;
      options.onProgress?.(done);
    }
    return kept;
  }

  /**
   * Decodes a tree below the tip and turns the logits of its nodes, or of those in `outputs`, into rows.
   * @returns rows [numOutputs, vocabSize] in the order of the tokens
   * @throws {ContextFullError | OutriderError | ShapeError | UnsupportedCacheError} and the sequence is as before
   */
  async decode(request: DecodeTreeRequest): Promise<DecodedRows> {
    const tokens = Int32Array.from(request.tokens);
    const parents = request.parents && Int32Array.from(request.parents);
    const outputs = Int32Array.from(request.outputs ?? [...tokens.keys()]);
    const { keepsLogits, vocabLimit, sampler, signal } = request;
    const sparse = nativePlan(request.sparse, this.context.model.gpuLayers !== 0);
    const batch = { tokens, parents, outputs, keepsLogits, vocabLimit, sparse, numPast: this.length };
    const decoded = await this.#decode({ ...batch, ...this.#sampling(sampler, this.length) }, signal);
    this.#pending = new PendingTree(tokens, parents);
    return decoded;
  }

  /** Keeps the path from the tip to `node` of the tree just decoded, or none of it for -1. */
  commit(node: NodeIndex): void {
    if (this.#isBusy) throw new BusyError(`Sequence ${this.id}`);
    if (this.context.isDisposed) throw new DisposedError('The context');
    const pending = this.#pending;
    if (pending === undefined || !pending.has(node)) {
      throw new RangeError(`Expected a node of the tree just decoded for node but received ${node}`);
    }
    this.#tokens.append(pending.path(node));
    this.#pending = undefined;
    this.#commit = node;
  }

  /**
   * Makes the sequence hold `tokens` and then draws up to `numDraft` tokens one after the other, in one call. Where
   * `tokens` go on along what was drafted before, its cells are kept. The drawn tokens are not part of the sequence.
   * @param tokens  at least one; all but the last may be in the cache already
   * @param known   how many of the first tokens are known to be the sequence's own
   */
  async draft(tokens: Int32Array, request: DraftTokensRequest, known = 0): Promise<DraftedTokens> {
    const { contextSize, batchSize } = this.context.info;
    if (tokens.length > contextSize) throw new ContextFullError(tokens.length, contextSize);
    // Where `tokens` go another way, the common prefix ends before.
    this.#tokens.append(this.#drafted ?? []);
    this.#drafted = undefined;
    let kept = Math.min(this.#tokens.commonPrefix(tokens, known), tokens.length - 1);
    if (tokens.length - kept > batchSize) {
      await this.prefill(tokens.subarray(0, tokens.length - 1), { signal: request.signal });
      kept = tokens.length - 1;
    } else if (this.context.info.rollback !== 'full') {
      kept = await this.#cutBack(kept);
    }
    const {
      sampler,
      numDraft,
      uniforms,
      minProbability = 0,
      stopAtEnd = false,
      vocabLimit,
      signal,
    } = request;
    const rest = tokens.slice(kept);
    const base = { tokens: rest, numPast: kept, vocabLimit, ...this.#sampling(sampler, kept) };
    const result = await this.#call(signal, base, (full) =>
      this.context.native.draft({ ...full, numDraft, uniforms, minProbability, stopAtEnd }),
    );
    this.#tokens.append(rest);
    const numHeld =
      this.context.info.rollback === 'full' ? this.context.native.length(this.id) - this.length : 0;
    this.#drafted = result.tokens.subarray(0, numHeld);
    return { ...result, rows: new NativeDistributionRows(result.rows), tokens: result.tokens };
  }

  /**
   * Makes the sequence hold `tokens` and then grows a tree of drawn tokens below the last one, in one call. Where `tokens`
   * go on along the tree that was grown before, its cells are kept. The drawn tokens are not part of the sequence.
   * @param tokens  at least one; all but the last may be in the cache already
   * @param known   how many of the first tokens are known to be the sequence's own
   * @throws {UnsupportedCacheError} when the state of the model cannot branch
   */
  async grow(tokens: Int32Array, request: GrowTreeRequest, known = 0): Promise<GrownTree> {
    const { contextSize, batchSize } = this.context.info;
    if (tokens.length > contextSize) throw new ContextFullError(tokens.length, contextSize);
    if (this.#tokens.commonPrefix(tokens, known) === this.length) {
      // The last token is decoded anew in any case.
      const node = this.#pending?.follow(tokens.subarray(this.length, -1)) ?? ROOT;
      if (node !== ROOT) this.commit(node);
    }
    let kept = Math.min(this.#tokens.commonPrefix(tokens, known), tokens.length - 1);
    if (tokens.length - kept > batchSize) {
      await this.prefill(tokens.subarray(0, tokens.length - 1), { signal: request.signal });
      kept = tokens.length - 1;
    }
    const {
      sampler,
      siblings,
      growth,
      uniforms,
      minProbability = 0,
      stopAtEnd = false,
      maxLeaves,
      vocabLimit,
      signal,
    } = request;
    const rest = tokens.slice(kept);
    const base = { tokens: rest, numPast: kept, vocabLimit, ...this.#sampling(sampler, kept) };
    const draws = siblings === 'deterministic' ? 'top' : siblings;
    const result = await this.#call(signal, base, (full) =>
      this.context.native.grow({ ...full, ...growth, draws, uniforms, minProbability, stopAtEnd, maxLeaves }),
    );
    this.#tokens.append(rest);
    const { parents, decoded } = result;
    this.#pending = new PendingTree(result.tokens, parents, decoded);
    return { ...result, rows: new NativeDistributionRows(result.rows) };
  }

  /**
   * Decodes `root` and draws up to `numTokens` tokens one after the other, each told soon after it was drawn while
   * the next ones are computed. All told tokens but the last are part of the sequence, the root first. Leaving the
   * iteration stops the drawing; tokens that were drawn and not told yet are part of the sequence then, too.
   */
  async *extend(root: TokenId, request: ExtendRequest): AsyncGenerator<ExtendedTokens, void, undefined> {
    const { sampler, numTokens, uniforms, stopAtEnd, signal } = request;
    const told = new EventEmitter();
    const portions = on(told, 'tokens', { close: ['end'] }) as AsyncIterable<[ExtendedTokens]>;
    // Whoever has left the iteration is not told of failures either.
    told.on('error', () => undefined);
    let tip = root;
    let numDrawn = 0;
    let stop = (): void => undefined;
    let hasLeft = false;
    const onTokens: TokenListener = (tokens, probabilities, decodeMs, samplingMs) => {
      this.#tokens.append([tip]);
      this.#tokens.append(tokens.subarray(0, -1));
      tip = tokens.at(-1)!;
      numDrawn += tokens.length;
      told.emit('tokens', { tokens, probabilities, decodeMs, samplingMs, toldAt: performance.now() });
    };
    // A repetition goes on after the tokens that were told.
    const run = (full: NativeDecodeRequest): Promise<void> => {
      const extension = this.context.native.extend(
        {
          ...full,
          ...this.#sampling(sampler, this.length),
          tokens: Int32Array.of(tip),
          numPast: this.length,
          numDraft: numTokens - numDrawn,
          uniforms: uniforms?.subarray(numDrawn),
          stopAtEnd,
        },
        onTokens,
      );
      stop = extension.stop;
      if (hasLeft) stop();
      return extension.promise;
    };
    const running = this.#call(signal, { tokens: Int32Array.of(root), numPast: this.length }, run).then(
      () => void told.emit('end'),
      (error: unknown) => void told.emit('error', error),
    );
    try {
      for await (const [portion] of portions) yield portion;
    } finally {
      hasLeft = true;
      stop();
      await running;
    }
  }

  /** @internal Makes an empty sequence `length` tokens long without computing them, to time what comes after so many. */
  async claim(length: number): Promise<void> {
    await this.#exclusively(async () => {
      await this.#cut(0);
      await abortable(this.context.native.claim(this.id, length), undefined, () => undefined);
      this.#tokens.append(new Int32Array(length));
    });
  }

  /** Drops all tokens but the first `length`; a recurrent state that cannot go back is cleared and says so. */
  async truncate(length: number): Promise<void> {
    requireInteger('length', length, 0);
    await this.#exclusively(() => this.#cut(length));
  }

  /**
   * Writes tokens and cache to a file. The file is complete or, on any failure, what it was before.
   * @throws {StateFileError} naming the path and the cause
   */
  async save(path: string): Promise<void> {
    const state = await this.#exclusively(async () => {
      await this.#cut(this.length);
      const bytes = await abortable(this.context.native.saveState(this.id), undefined, () => undefined);
      return { tokens: this.tokens.slice(), bytes };
    });
    await writeStateFile(path, { ...state, fingerprint: fingerprintOf(this.context.model.info) });
  }

  /**
   * Reads what {@link save} wrote, into this sequence.
   * @throws {StateFileError} when the file is damaged or of another model or cache type; the sequence is then as before,
   *   or empty when llama.cpp itself refused the bytes
   */
  async load(path: string): Promise<void> {
    await this.#exclusively(async () => {
      const state = await readStateFile(path, fingerprintOf(this.context.model.info));
      const { contextSize } = this.context.info;
      if (state.tokens.length > contextSize) throw new ContextFullError(state.tokens.length, contextSize);
      await this.#flush();
      this.#forgetDrafts();
      this.#tokens.truncate(0);
      const loading = this.context.native.loadState(this.id, state.bytes, state.tokens.length);
      await abortable(loading, undefined, () => undefined);
      this.#tokens.append(state.tokens);
    });
  }

  /** Drops the tree below the tip and all tokens but the first `length`. */
  async #cut(length: number): Promise<void> {
    this.#forgetDrafts();
    await this.#flush();
    if (length >= this.context.native.length(this.id)) return;
    await abortable(this.context.native.truncate(this.id, length), undefined, () => undefined).finally(() =>
      this.#tokens.truncate(this.context.isDisposed ? 0 : this.context.native.length(this.id)),
    );
  }

  #sampling(sampler: Sampler, numPast: number): Pick<NativeDecodeRequest, 'sampler' | 'history'> {
    const history = sampler.needsHistory ? this.#tokens.view.subarray(0, numPast) : undefined;
    return { sampler: sampler.native, history };
  }

  /** Goes back to `length` tokens; to 0 where the state cannot. */
  async #cutBack(length: number): Promise<number> {
    try {
      await this.truncate(length);
      return length;
    } catch (error) {
      if (!(error instanceof UnsupportedCacheError)) throw error;
      return 0;
    }
  }

  async #decode(
    request: Omit<NativeDecodeRequest, 'sequence'>,
    signal: AbortSignal | undefined,
  ): Promise<DecodedRows> {
    const result = await this.#call(signal, request, (full) => this.context.native.decode(full));
    return { ...result, rows: new NativeDistributionRows(result.rows) };
  }

  /** Runs a decode; after a failure the tokens are what the cache still holds. */
  async #call<T>(
    signal: AbortSignal | undefined,
    request: Omit<NativeDecodeRequest, 'sequence'>,
    run: (request: NativeDecodeRequest) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { context } = this;
    const abort = (): void => {
      if (!context.isDisposed) context.native.abort();
    };
    return this.#exclusively(async () => {
      this.#forgetDrafts();
      this.#tokens.truncate(request.numPast);
      signal?.addEventListener('abort', abort, { once: true });
      try {
        return await this.#repeated(signal, () =>
          run({ ...request, sequence: this.id, commit: this.#commit }),
        );
      } catch (error) {
        if (!context.isDisposed && this.#commit === undefined)
          this.#tokens.truncate(context.native.length(this.id));
        throw error;
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    });
  }

  /** An abort ends every call of the context: one that was meant for another sequence is answered by a repetition. */
  async #repeated<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const running = run();
        // Where the addon refuses the arguments it has not seen the commit.
        this.#commit = undefined;
        return await running;
      } catch (error) {
        if (!isAborted(error)) throw typedError(error);
        if (signal?.aborted === true) throw signal.reason;
        if (this.context.isDisposed) throw new DisposedError('The context');
      }
    }
  }

  #forgetDrafts(): void {
    this.#pending = undefined;
    this.#drafted = undefined;
  }

  async #flush(): Promise<void> {
    const node = this.#commit;
    this.#commit = undefined;
    if (node === undefined) return;
    await abortable(this.context.native.commit(this.id, node), undefined, () => undefined);
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new BusyError(`Sequence ${this.id}`);
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#isBusy = false;
    }
  }
}
