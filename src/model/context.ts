// A llama.cpp context: the KV cache of one or more sequences. Knows nothing of what is decoded or why.
import { loadAddon } from '../bindings/load-addon.js';
import { nativeCall } from '../bindings/native-error.js';
import type { NativeContext, NativeContextInfo } from '../bindings/native.js';
import { DisposedError } from '../errors.js';
import { abortable } from './abort.js';
import { ComputePool } from './compute-pool.js';
import { nativeContextOptions, type ContextOptions } from './context-options.js';
import { createWithinMemory, type PlacedContext } from './kv-placement.js';
import type { Model } from './model.js';
import type { ChannelShares, ExpertShares } from '../sparse/calibration.js';
import type { BlockChoice, SparseSupport } from '../sparse/plan.js';
import { requireInteger } from './options.js';
import { Sequence } from './sequence.js';

/** Sizes and abilities of a context, in tokens where nothing else is said. */
export interface ContextInfo extends NativeContextInfo {
  /** The KV cache lies on the devices of the layers, where those are offloaded. */
  readonly offloadsKv: boolean;
}

/** A context of a model. Computing on it is asynchronous and runs one call after the other. */
export class Context {
  readonly model: Model;
  readonly info: ContextInfo;
  /** The threads that compute. */
  readonly pool: ComputePool;
  #native: NativeContext | undefined;
  readonly #numSequences: number;
  readonly #sequences = new Map<number, Sequence>();

  private constructor(
    model: Model,
    { native, offloadsKv }: PlacedContext<NativeContext>,
    pool: ComputePool,
    numSequences: number,
  ) {
    this.model = model;
    this.pool = pool;
    this.#native = native;
    this.#numSequences = numSequences;
    this.info = { ...native.info(), offloadsKv };
  }

  /**
   * @internal
   * @throws {ContextCreateError} when llama.cpp refuses the options
   * @throws {ModelLoadError} OUT_OF_MEMORY
   */
  static async create(model: Model, options: ContextOptions): Promise<Context> {
    const settings = nativeContextOptions(options, model.info.trainContextSize);
    const pool = options.pool ?? ComputePool.shared(options.threads);
    const mayMove = options.offloadKv === undefined && model.gpuLayers !== 0;
    const placed = await createWithinMemory(settings, mayMove, (attempt) =>
      abortable(
        nativeCall(() => loadAddon().createContext(model.native, pool.native, attempt)),
        undefined,
        () => undefined,
      ),
    );
    return new Context(model, placed, pool, settings.sequences);
  }

  /** @internal */
  get native(): NativeContext {
    if (this.#native === undefined) throw new DisposedError('The context');
    return this.#native;
  }

  get isDisposed(): boolean {
    return this.#native === undefined;
  }

  /**
   * The sequence with this id, in [0, sequences); the same object each time.
   * @throws {RangeError} when the context has no such sequence
   */
  sequence(id = 0): Sequence {
    requireInteger('id', id, 0, this.#numSequences - 1);
    let sequence = this.#sequences.get(id);
    if (sequence === undefined) {
      sequence = new Sequence(this, id);
      this.#sequences.set(id, sequence);
    }
    return sequence;
  }

  /**
   * Layers that a sparse plan can thin out, and the experts of a token; asked of an empty context.
   * @internal
   */
  sparseSupport(): Promise<SparseSupport> {
    return abortable(
      nativeCall(() => this.native.sparseSupport()),
      undefined,
      () => undefined,
    );
  }

  /**
   * What the last decode under a plan that measures found.
   * @internal
   */
  async sparseMeasures(): Promise<{
    readonly feedForward: ChannelShares[];
    readonly experts: ExpertShares[];
  }> {
    const { feedForward, experts } = await abortable(
      nativeCall(() => this.native.sparseMeasures()),
      undefined,
      () => undefined,
    );
    const channels = feedForward.map(({ layer, perToken, perBatch, perBlocks }) => ({
      layer,
      perToken: [...perToken],
      perBatch: [...perBatch],
      perBlocks: [...perBlocks],
    }));
    return { feedForward: channels, experts };
  }

  /**
   * What the last decode under a plan that keeps its choice chose, anchor by anchor.
   * @internal
   */
  sparseChoices(): Promise<BlockChoice[]> {
    return abortable(
      nativeCall(() => this.native.sparseChoices()),
      undefined,
      () => undefined,
    );
  }

  /** Frees the cache; running calls end first. Calls after it throw a DisposedError. */
  dispose(): void {
    this.#native?.dispose();
    this.#native = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
