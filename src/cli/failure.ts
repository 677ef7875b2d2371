// How a failure is told: the message, a hint, and the stack only when asked for.
import { OutriderError, type ErrorCode } from '../errors.js';

const hints: Partial<Record<ErrorCode, string>> = {
  OUT_OF_MEMORY: 'Try a smaller --context-size, a smaller quantisation, or --gpu off.',
  CONTEXT_FULL: 'Try a larger --context-size.',
  VOCAB_MISMATCH: 'outrider inspect TARGET DRAFT compares two models.',
  UNSUPPORTED_CACHE: 'Run with --drafter none.',
  MODEL_NOT_FOUND: 'outrider pull downloads a model.',
  CHAT_TEMPLATE: 'Give another with --template-file, or use outrider generate.',
  DOWNLOAD: 'Run the command again: it goes on where it stopped.',
};

/** Prints an error to stderr. */
export function printFailure(error: unknown, isVerbose: boolean): void {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`outrider: ${message}`);
  const hint = error instanceof OutriderError ? hints[error.code] : undefined;
  if (hint !== undefined) console.error(`Hint: ${hint}`);
  if (isVerbose && error instanceof Error) console.error(error.stack, error.cause ?? '');
}
