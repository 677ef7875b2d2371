// A generation as its user holds it: events to iterate, a result to keep.
import type { DecodeLoop, GenerationEvent, GenerationResult } from './decode-loop.js';

/** Hooks around the run of a generation. */
export interface GenerationHooks {
  /** Called before the first event; may throw. */
  begin(): void;
  /** Called once the run is over, however it ended. */
  end(): void;
}

/** One run of the engine; iterate it once, or call {@link finish}. */
export class Generation implements AsyncIterable<GenerationEvent> {
  readonly #loop: DecodeLoop;
  readonly #hooks: GenerationHooks;
  #isStarted = false;

  /** @internal */
  constructor(loop: DecodeLoop, hooks: GenerationHooks) {
    this.#loop = loop;
    this.#hooks = hooks;
  }

  /** What was produced so far, also after an abort or a failure. */
  get result(): GenerationResult {
    return this.#loop.result;
  }

  /**
   * Runs to the end.
   * @throws {BusyError} when the engine runs another generation
   * @throws `signal.reason` when aborted; {@link result} keeps what was produced
   */
  async finish(): Promise<GenerationResult> {
    for await (const events of this.#portions()) {
      for (const event of events) if (event.type === 'done') return event.result;
    }
    return this.result;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationEvent, void, undefined> {
    for await (const events of this.#portions()) yield* events;
  }

  async *#portions(): AsyncGenerator<Iterable<GenerationEvent>, void, undefined> {
    if (this.#isStarted) throw new TypeError('A generation can be iterated once. Call generate() again.');
    this.#hooks.begin();
    this.#isStarted = true;
    try {
      yield* this.#loop.run();
    } finally {
      this.#hooks.end();
    }
  }
}
