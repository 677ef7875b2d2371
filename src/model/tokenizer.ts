// Text <-> tokens of one model. Knows nothing of contexts.
import { TextDecoder } from 'node:util';
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

interface Piece {
  readonly bytes: Uint8Array;
  readonly text: string | undefined;
}

/** A model's tokenizer. */
export class Tokenizer {
  readonly #model: () => NativeModel;
  /** Of tokens that were asked for: their bytes, and their text where it is whole characters. */
  readonly #pieces = new Map<TokenId, Piece>();

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
    return utf8().decode(bytes);
  }

  /** The bytes of one token, which need not be whole UTF-8 characters; empty for special tokens unless `special`. */
  bytes(token: TokenId, options: { readonly special?: boolean } = {}): Uint8Array {
    return nativeCall(() => this.#model().piece(token, options.special ?? false));
  }

  /** @internal */
  piece(token: TokenId): Piece {
    const known = this.#pieces.get(token);
    if (known !== undefined) return known;
    const bytes = this.bytes(token);
    const text = utf8().decode(bytes);
    const piece = { bytes, text: text.includes('\ufffd') ? undefined : text };
    this.#pieces.set(token, piece);
    return piece;
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
  readonly #decoder = utf8();
  /** The decoder holds the beginning of a character. */
  #isWithinCharacter = false;

  /** @internal */
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The text that `token` completes; empty while a character is incomplete. */
  push(token: TokenId): string {
    const { bytes, text } = this.#tokenizer.piece(token);
    if (text !== undefined && !this.#isWithinCharacter) return text;
    const completed = this.#decoder.decode(bytes, { stream: true });
    this.#isWithinCharacter = text === undefined || completed === '';
    return completed;
  }

  /** What is left at the end; an incomplete character becomes U+FFFD. */
  end(): string {
    return this.#decoder.decode();
  }
}

/** A decoder that keeps a byte order mark: it is a character of the tokens. */
function utf8(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}
