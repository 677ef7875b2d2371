// Prompts as other engines take them. Knows nothing of the engines.
import { loadVocabulary } from '../../model/load-vocabulary.js';

/** Prompts of one model for other engines. */
export interface PeerPrompts {
  /** The text for an engine that puts a begin-of-sequence token before it where the model wants one. */
  text(prompt: string): string;
  /** The tokens, with the one that begins a sequence where the model wants one. */
  tokens(prompt: string): number[];
  /** Tokens of what was written after a prompt. */
  count(output: string): number;
  dispose(): void;
}

/**
 * Loads a model's tokenizer, for prompts in which special tokens are written out: a begin-of-sequence token that a chat
 * template wrote is not added a second time.
 *
 * @throws {ModelLoadError} when the file is missing or damaged
 */
export async function loadPeerPrompts(targetPath: string): Promise<PeerPrompts> {
  const vocabulary = await loadVocabulary(targetPath);
  const { tokenizer } = vocabulary;
  const [begin] = tokenizer.encode('', { addSpecial: true });
  const written =
    begin === undefined ? '' : new TextDecoder().decode(tokenizer.bytes(begin, { special: true }));
  const text = (prompt: string): string =>
    prompt.startsWith(written) ? prompt.slice(written.length) : prompt;
  return {
    text,
    tokens: (prompt) => [...tokenizer.encode(text(prompt), { addSpecial: true, parseSpecial: true })],
    count: (output) => tokenizer.encode(output, { addSpecial: false, parseSpecial: true }).length,
    dispose: () => vocabulary.dispose(),
  };
}
