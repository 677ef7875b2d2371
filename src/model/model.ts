// A loaded GGUF model: one copy of the weights for any number of contexts.
import { nativeCall } from '../bindings/native-error.js';
import type { NativeModel, NativeModelInfo } from '../bindings/native.js';
import { DisposedError } from '../errors.js';
import { Context } from './context.js';
import type { ContextOptions } from './context-options.js';
import { Tokenizer } from './tokenizer.js';

/** Facts about a model; sizes in the units that their names say. */
export type ModelInfo = NativeModelInfo;

/** A model; made by {@link loadModel}. */
export class Model {
  /** The file it was loaded from. */
  readonly path: string;
  readonly info: ModelInfo;
  readonly tokenizer: Tokenizer;
  /** Layers on the GPU; the output matrix counts as one. */
  readonly gpuLayers: number;
  /** Where the layers are and why. */
  readonly placement: string;
  #native: NativeModel | undefined;
  #metadata: Readonly<Record<string, string>> | undefined;

  /** @internal */
  constructor(path: string, native: NativeModel, gpuLayers: number, placement: string) {
    this.path = path;
    this.#native = native;
    this.info = native.info();
    this.gpuLayers = gpuLayers;
    this.placement = placement;
    this.tokenizer = new Tokenizer(() => this.native);
  }

  /** @internal */
  get native(): NativeModel {
    if (this.#native === undefined) throw new DisposedError('The model');
    return this.#native;
  }

  get isDisposed(): boolean {
    return this.#native === undefined;
  }

  /** Metadata of the GGUF that are not arrays, as text; read on first use. */
  get metadata(): Readonly<Record<string, string>> {
    this.#metadata ??= nativeCall(() => this.native.metadata());
    return this.#metadata;
  }

  /**
   * Creates a context.
   * @throws {ContextCreateError} when the model cannot do what the options ask for
   * @throws {ModelLoadError} OUT_OF_MEMORY
   */
  createContext(options: ContextOptions = {}): Promise<Context> {
    return Context.create(this, options);
  }

  /** Lets go of the weights; contexts that use them keep them until they are disposed. */
  dispose(): void {
    this.#native?.dispose();
    this.#native = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
