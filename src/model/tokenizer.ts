// Text <-> tokens of one model. Knows nothing of contexts.
import { nativeCall } from '../bindings/native-error.js';
import type { NativeModel } from '../bindings/native.js';
import type { TokenId } from '../types.js';

/** Options of {@link Tokenizer.encode}. */
export interface EncodeOptions {
  /** Adds the begin-of-sequence token where the model wants one; default true. */
  readonly addSpecial?: boolean;
  /** Reads special tokens written in the text, such as `<|im_end|>`; default false: they are plain text. */
  readonly parseSpecial?: boolean;
}

/** A model's tokenizer. */
export class Tokenizer {
  readonly #model: () => NativeModel;

  /** @internal */
  constructor(model: () => NativeModel) {
    this.#model = model;
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    return nativeCall(() =>
      this.#model().tokenize(text, options.addSpecial ?? true, options.parseSpecial ?? false),
    );
  }

  /** The text of `tokens`; special tokens are left out unless `special`. */
  decode(tokens: ArrayLike<TokenId>, options: { readonly special?: boolean } = {}): string {
    const bytes = nativeCall(() =>
      this.#model().detokenize(Int32Array.from(tokens), false, options.special ?? false),
    );
    return new TextDecoder().decode(bytes);
  }

  /** The bytes of one token, which need not be whole UTF-8 characters; empty for special tokens unless `special`. */
  bytes(token: TokenId, options: { readonly special?: boolean } = {}): Uint8Array {
    return nativeCall(() => this.#model().piece(token, options.special ?? false));
  }

  /** True for tokens that end a generation, such as end of sequence and end of turn. */
  isEndOfGeneration(token: TokenId): boolean {
    return nativeCall(() => this.#model().isEndOfGeneration(token));
  }

  /** A decoder for tokens that arrive one by one. */
  stream(): TokenStream {
    return new TokenStream(this);
  }
}

/** Decodes tokens as they arrive; never splits a UTF-8 character. */
export class TokenStream {
  readonly #tokenizer: Tokenizer;
  readonly #decoder = new TextDecoder();

  /** @internal */
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The text that `token` completes; empty while a character is incomplete. */
  push(token: TokenId): string {
    return this.#decoder.decode(this.#tokenizer.bytes(token), { stream: true });
  }

  /** What is left at the end; an incomplete character becomes U+FFFD. */
  end(): string {
    return this.#decoder.decode();
  }
}
