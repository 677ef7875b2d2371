// A conversation with an engine. Knows nothing of terminals.
import type { GenerationEvent, GenerationResult } from '../engine/decode-loop.js';
import type { Engine } from '../engine/engine.js';
import type { GenerateOptions } from '../engine/options.js';
import { ContextFullError } from '../errors.js';
import type { GenerationStats } from '../metrics/counters.js';
import type { ChatTemplate } from './chat-template.js';
import { History, type Message } from './history.js';
import { encodeMessages, templateOf } from './prompt-tokens.js';

/** Options of {@link ChatSession}. */
export interface ChatOptions {
  readonly system?: string | undefined;
  /** Jinja source; default: the template in the model's file. */
  readonly template?: string | undefined;
  /** How answers are generated; `signal` is given with each question. */
  readonly generate?: Omit<GenerateOptions, 'signal' | 'parseSpecial'> | undefined;
}

/** What an answer tells while it comes. */
export type ChatEvent =
  | GenerationEvent
  /** The conversation outgrew the context: so many of its oldest exchanges were forgotten. */
  | { readonly type: 'dropped'; readonly numExchanges: number };

/** Share of the context that is kept free for an answer. */
const answerShare = 4;

/** A conversation; one question at a time. */
export class ChatSession {
  readonly #engine: Engine;
  readonly #template: ChatTemplate;
  readonly #options: NonNullable<ChatOptions['generate']>;
  #history: History;
  #lastStats: GenerationStats | undefined;

  /** @throws {ChatTemplateError} when the model has no usable template and none is given */
  constructor(engine: Engine, options: ChatOptions = {}) {
    this.#engine = engine;
    this.#options = options.generate ?? {};
    this.#template = templateOf(engine.target, options.template);
    this.#history = new History();
    this.#history.system = options.system;
  }

  /** The messages so far. */
  get messages(): readonly Message[] {
    return this.#history.messages;
  }

  /**
   * Replaces the conversation.
   * @throws {TypeError} when roles do not take turns, or the last question has no answer
   */
  set messages(messages: readonly Message[]) {
    const history = new History(messages);
    if (messages.at(-1)?.role === 'user') {
      throw new TypeError('Expected the last message to be an answer but received a question');
    }
    this.#history = history;
  }

  /** Of the last answer, also one that was aborted. */
  get lastStats(): GenerationStats | undefined {
    return this.#lastStats;
  }

  get system(): string | undefined {
    return this.#history.system;
  }

  set system(content: string | undefined) {
    this.#history.system = content;
  }

  /** Forgets everything but the system message. */
  clear(): void {
    this.#history.clear();
  }

  /** Takes back the last question and its answer; returns the question. */
  undo(): string | undefined {
    return this.#history.undo();
  }

  /**
   * Asks `question`. The answer, also one that was aborted, becomes part of the conversation; after any other failure
   * the conversation is as before.
   * @throws {ContextFullError} when the question alone does not fit
   * @throws {ChatTemplateError} when the template refuses the messages
   * @throws `signal.reason` when aborted
   */
  async *ask(
    question: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<ChatEvent, GenerationResult, undefined> {
    const history = this.#history.copy();
    history.add({ role: 'user', content: question });
    const { tokens, numDropped } = this.#fit(history);
    const generation = this.#engine.generate(tokens, { ...this.#options, signal });
    const keep = (): void => {
      history.add({ role: 'assistant', content: generation.result.text });
      this.#history = history;
      this.#lastStats = generation.result.stats;
    };
    if (numDropped > 0) yield { type: 'dropped', numExchanges: numDropped };
    let isOver = false;
    try {
      for await (const event of generation) {
        isOver ||= event.type === 'done';
        yield event;
      }
      isOver = true;
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) keep();
      throw error;
    } finally {
      // Also when the reader of the events stopped reading.
      if (isOver) keep();
    }
    return generation.result;
  }

  /** Drops the oldest exchanges until prompt and answer fit. */
  #fit(history: History): { tokens: Int32Array; numDropped: number } {
    const { contextSize } = this.#engine.contextInfo;
    const reserved = Math.min(
      this.#options.maxTokens ?? Infinity,
      Math.max(1, Math.floor(contextSize / answerShare)),
    );
    for (let numDropped = 0; ; numDropped++) {
      const tokens = this.#encode(history);
      if (tokens.length + reserved <= contextSize) return { tokens, numDropped };
      if (history.dropOldest()) continue;
      if (tokens.length < contextSize) return { tokens, numDropped };
      throw new ContextFullError(tokens.length + 1, contextSize);
    }
  }

  #encode(history: History): Int32Array {
    return encodeMessages(this.#engine.target, this.#template, history.messages);
  }
}
