// Whether two models speak of the same tokens.
import { nativeCall } from '../bindings/native-error.js';
import { VocabMismatchError } from '../errors.js';
import type { Model } from './model.js';

/**
 * Checks that two models share one vocabulary: same texts, same end-of-generation tokens. Unused padding tokens at the
 * end of the larger one do not count.
 * @throws {VocabMismatchError} naming both sizes and the first token that differs
 */
export function requireSameVocabulary(target: Model, draft: Model): void {
  const difference = nativeCall(() => target.native.compareVocab(draft.native));
  const { size, otherSize, firstDifferentToken, text, otherText } = difference;
  if (firstDifferentToken < 0) return;
  const isMissing = firstDifferentToken >= Math.min(size, otherSize);
  const detail = isMissing
    ? `token ${firstDifferentToken} exists in one only`
    : `token ${firstDifferentToken} is ${JSON.stringify(text)} in the target and ${JSON.stringify(otherText)} in the draft`;
  throw new VocabMismatchError(
    `Target and draft have different vocabularies (${size} and ${otherSize} tokens): ${detail}. ` +
      'Use a draft model of the same family, or a drafter that needs no model.',
    size,
    otherSize,
    firstDifferentToken,
  );
}
