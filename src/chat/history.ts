// The messages of a conversation. Knows nothing of models or templates.

/** Who speaks. */
export type Role = 'system' | 'user' | 'assistant';

/** One message. */
export interface Message {
  readonly role: Role;
  readonly content: string;
}

/** A conversation: at most one system message, then questions and answers in turn. */
export class History {
  #system: string | undefined;
  readonly #turns: Message[] = [];

  constructor(messages: readonly Message[] = []) {
    for (const message of messages) this.add(message);
  }

  get messages(): readonly Message[] {
    const system: Message[] = this.#system === undefined ? [] : [{ role: 'system', content: this.#system }];
    return [...system, ...this.#turns];
  }

  get system(): string | undefined {
    return this.#system;
  }

  set system(content: string | undefined) {
    this.#system = content;
  }

  /** Questions asked. */
  get numQuestions(): number {
    return this.#turns.filter(({ role }) => role === 'user').length;
  }

  /** @throws {TypeError} when roles do not take turns, beginning with the user */
  add(message: Message): void {
    if (message.role === 'system') {
      if (this.#turns.length > 0 || this.#system !== undefined) {
        throw new TypeError('Expected the system message to be the first and only one');
      }
      this.#system = message.content;
      return;
    }
    const expected = this.#turns.at(-1)?.role === 'user' ? 'assistant' : 'user';
    if (message.role !== expected) {
      throw new TypeError(`Expected a message of the ${expected} but received one of the ${message.role}`);
    }
    this.#turns.push(message);
  }

  /** Forgets all turns; the system message stays. */
  clear(): void {
    this.#turns.length = 0;
  }

  /** Takes back the last question and its answer; undefined when there is none. */
  undo(): string | undefined {
    const last = this.#turns.findLastIndex(({ role }) => role === 'user');
    if (last < 0) return undefined;
    return this.#turns.splice(last)[0]!.content;
  }

  /** Forgets the oldest question and its answer, but never the last question; says whether it did. */
  dropOldest(): boolean {
    const next = this.#turns.findIndex(({ role }, index) => index > 0 && role === 'user');
    if (next < 0) return false;
    this.#turns.splice(0, next);
    return true;
  }

  copy(): History {
    return new History(this.messages);
  }
}
