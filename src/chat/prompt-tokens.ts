// From messages to the tokens that ask a model for an answer. Knows nothing of sessions.
import type { Model } from '../model/model.js';
import { ChatTemplate } from './chat-template.js';
import type { Message } from './history.js';

function specialText({ tokenizer }: Model, token: number): string {
  if (token < 0) return '';
  return new TextDecoder().decode(tokenizer.bytes(token, { special: true }));
}

/**
 * The chat template of a model.
 * @param source  Jinja; default: the one in the model's file
 * @throws {ChatTemplateError} when there is none, or it cannot be read
 */
export function templateOf(model: Model, source = model.info.chatTemplate): ChatTemplate {
  const { bosToken, eosToken } = model.info;
  return new ChatTemplate(source, { bos: specialText(model, bosToken), eos: specialText(model, eosToken) });
}

/**
 * The prompt that asks for the next answer, as tokens.
 * @throws {ChatTemplateError} when the template refuses the messages
 */
export function encodeMessages(
  model: Model,
  template: ChatTemplate,
  messages: readonly Message[],
): Int32Array {
  return encodePromptText(model, template.render(messages));
}

/** The tokens of a prompt with its special tokens written out; what a model puts first is there once. */
export function encodePromptText(model: Model, text: string): Int32Array {
  const bos = specialText(model, model.info.bosToken);
  const hasBos = bos !== '' && text.startsWith(bos);
  return model.tokenizer.encode(text, { addSpecial: !hasBos, parseSpecial: true });
}
