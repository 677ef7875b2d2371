// From messages to the prompt a model was trained on. Knows nothing of tokens or decoding.
import { Template } from '@huggingface/jinja';
import { ChatTemplateError } from '../errors.js';
import type { Message } from './history.js';

/** Texts of the special tokens that templates write. */
export interface SpecialTexts {
  readonly bos: string;
  readonly eos: string;
}

/** A Jinja chat template, as GGUF files carry it under `tokenizer.chat_template`. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #special: SpecialTexts;

  /** @throws {ChatTemplateError} when the source is empty or no Jinja template */
  constructor(source: string, special: SpecialTexts) {
    if (source.trim() === '') {
      throw new ChatTemplateError(
        'The model has no chat template: it was not made for conversations. Give one, or generate text from a prompt.',
      );
    }
    this.#special = special;
    try {
      this.#template = new Template(source);
    } catch (error) {
      throw new ChatTemplateError(`The chat template cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * The prompt that asks for the next answer.
   * @throws {ChatTemplateError} with the template's own words when it refuses the messages
   */
  render(messages: readonly Message[]): string {
    try {
      return this.#render(messages);
    } catch (error) {
      const merged = withoutSystemRole(messages);
      if (merged === undefined) throw templateFailure(error);
      // Some templates know no system role; its text then opens the first question.
      try {
        return this.#render(merged);
      } catch {
        throw templateFailure(error);
      }
    }
  }

  #render(messages: readonly Message[]): string {
    return this.#template.render({
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: true,
      bos_token: this.#special.bos,
      eos_token: this.#special.eos,
    });
  }
}

function withoutSystemRole(messages: readonly Message[]): Message[] | undefined {
  const [system, question, ...rest] = messages;
  if (system?.role !== 'system' || question === undefined) return undefined;
  return [{ role: 'user', content: `${system.content}\n\n${question.content}` }, ...rest];
}

function templateFailure(error: unknown): ChatTemplateError {
  return new ChatTemplateError(`The chat template refused the messages: ${messageOf(error)}`, {
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
