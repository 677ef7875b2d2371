// Where a text parts from tokens that are known, for answers whose own tokens nobody tells. Knows nothing of models.

/** An answer as the bytes of its tokens, special ones written out. */
export interface KnownAnswer {
  /** [numTokens]. */
  readonly pieces: readonly Uint8Array[];
  /** It ended because it had as many tokens as were asked for: another may well go on. */
  readonly isCut: boolean;
}

/** Where they part. */
export interface TextParting {
  /** Index of the first token that is not in the text; the number of tokens where the text goes on after an end. */
  readonly at: number;
  /** The text from where this token would begin. */
  readonly rest: Uint8Array;
}

/**
 * Compares a text with an answer whose tokens are known; undefined where they are the same.
 *
 * The same is: byte for byte, but for an incomplete character at the end; a text that goes on where the answer was cut, as
 * a draft's last tokens may come on top of what was asked for; and a text that lacks the last token, which may be an end that is
 * not written. A text that ends earlier, or goes on after an end, is not the same.
 */
export function partingOf(text: string, { pieces, isCut }: KnownAnswer): TextParting | undefined {
  const actual = Buffer.from(trimmed(text));
  const expected = Buffer.from(trimmed(Buffer.concat(pieces).toString()));
  const common = commonLength(actual, expected);
  if (common === expected.length && (isCut || common === actual.length)) return undefined;
  let [at, start] = [0, 0];
  while (at < pieces.length && start + pieces[at]!.length <= common) start += pieces[at++]!.length;
  if (common === actual.length && at >= pieces.length - 1) return undefined;
  return { at, rest: actual.subarray(start) };
}

/** Without what stands for an incomplete character at the end. */
function trimmed(text: string): string {
  return text.replace(/\uFFFD+$/, '');
}

function commonLength(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length);
  let common = 0;
  while (common < length && one[common] === other[common]) common += 1;
  return common;
}
