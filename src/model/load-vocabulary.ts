// Loads the tokenizer of a model without its weights.
import { loadAddon } from '../bindings/load-addon.js';
import { nativeCall, typedError } from '../bindings/native-error.js';
import type { NativeModel } from '../bindings/native.js';
import { DisposedError } from '../errors.js';
import { abortable } from './abort.js';
import { nativeModelOptions } from './load-model.js';
import { Tokenizer } from './tokenizer.js';
import type { Vocabulary } from './vocabulary.js';

/** A model's tokenizer; made by {@link loadVocabulary}. */
export class LoadedVocabulary implements Vocabulary {
  readonly tokenizer: Tokenizer;
  readonly info: { readonly vocabSize: number };
  #native: NativeModel | undefined;

  /** @internal */
  constructor(native: NativeModel) {
    this.#native = native;
    this.tokenizer = new Tokenizer(() => {
      if (this.#native === undefined) throw new DisposedError('The vocabulary');
      return this.#native;
    });
    // What else the addon tells of a model needs its layers.
    this.info = { vocabSize: nativeCall(() => native.compareVocab(native)).size };
  }

  dispose(): void {
    this.#native?.dispose();
    this.#native = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Loads the tokenizer of a GGUF file and nothing else.
 * @throws {ModelLoadError} when the file is missing or damaged
 */
export async function loadVocabulary(path: string): Promise<LoadedVocabulary> {
  const settings = { ...nativeModelOptions(0, {}, []), vocabOnly: true };
  try {
    const load = loadAddon().loadModel(path, settings, undefined);
    return new LoadedVocabulary(await abortable(load.promise, undefined, load.abort));
  } catch (error) {
    throw typedError(error);
  }
}
