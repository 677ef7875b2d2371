// A conversation with one contender, and the sample it makes. Knows nothing of who answers.
import type { ChatTemplate } from '../chat/chat-template.js';
import type { Message } from '../chat/history.js';
import { encodePromptText, templateOf } from '../chat/prompt-tokens.js';
import type { Model } from '../model/model.js';
import type { SamplingParams } from '../types.js';
import type { Contender, TurnAnswer, TurnRequest } from './contender.js';
import type { BenchPrompt } from './workload.js';

/** What all questions of a trial have in common. */
export interface ConversationSettings {
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
  readonly seed: number;
  readonly ignoreEos: boolean;
}

/** Writes questions as the target wants them, and cuts them to what fits. */
export class PromptWriter {
  readonly #model: Model;
  readonly #template: ChatTemplate | undefined;
  readonly #contextSize: number;

  /** @param contextSize  of the smaller of the contexts that are to answer */
  constructor(model: Model, contextSize: number) {
    this.#model = model;
    this.#contextSize = contextSize;
    this.#template = model.info.chatTemplate === '' ? undefined : templateOf(model);
  }

  /** The prompt that asks for the next answer; without a chat template, what was said, one after the other. */
  write(
    messages: readonly Message[],
    maxTokens: number,
  ): { readonly text: string; readonly tokens: Int32Array } {
    const text = this.#template?.render(messages) ?? messages.map(({ content }) => content).join('\n\n');
    const tokens = encodePromptText(this.#model, text);
    const room = this.#contextSize - maxTokens;
    if (tokens.length <= room) return { text, tokens };
    // The beginning says least of what is asked.
    const cut = tokens.slice(tokens.length - Math.max(1, room));
    return { text: this.#model.tokenizer.decode(cut, { special: true }), tokens: cut };
  }
}

/**
 * Asks all questions of a prompt, each after the contender's own answer to the one before.
 * @param plainAnswers  what plain decoding answered to them, where it is known
 * @returns the answers, and the questions as they were asked
 */
export async function converse(
  contender: Contender,
  prompt: BenchPrompt,
  {
    writer,
    settings,
    plainAnswers,
  }: {
    readonly writer: PromptWriter;
    readonly settings: ConversationSettings;
    readonly plainAnswers?: readonly TurnAnswer[] | undefined;
  },
): Promise<{ readonly answers: readonly TurnAnswer[]; readonly requests: readonly TurnRequest[] }> {
  await contender.forget();
  const messages: Message[] = [...prompt.before];
  const answers: TurnAnswer[] = [];
  const requests: TurnRequest[] = [];
  for (const [turn, question] of prompt.questions.entries()) {
    messages.push({ role: 'user', content: question });
    const written = writer.write(messages, settings.maxTokens);
    const request = { ...settings, ...written, plainAnswer: plainAnswers?.[turn]?.tokens };
    const answer = await contender.answer(request);
    messages.push({ role: 'assistant', content: answer.text });
    answers.push(answer);
    requests.push(request);
  }
  return { answers, requests };
}
