// Rounds in a row that find out what a number of draft tokens brings. Knows nothing of what is made of it.
import type { RoundRecord } from '../metrics/counters.js';
import type { ExpectedTokens } from './expected-tokens.js';

/** Rounds in a row that try whether speculation pays again, or another size more. */
export class Trial {
  readonly numNodes: number;
  /** What they alone say of acceptance. */
  readonly seen: ExpectedTokens;
  rounds = 0;
  tokens = 0;
  ms = 0;
  /** Milliseconds that such rounds take when they follow each other. */
  worthMs = 0;

  /** @param seen  that has seen nothing yet */
  constructor(numNodes: number, seen: ExpectedTokens) {
    this.numNodes = numNodes;
    this.seen = seen;
  }

  /**
   * @param numNodes  that the round was to draft
   * @param usualMs   without what it took to catch up, which is charged to the trial, but not held against what it found
   */
  observe(record: RoundRecord, numNodes: number, usualMs: number): void {
    this.seen.observe(numNodes, record.acceptedNodes, record.numDraftTokens);
    this.rounds += 1;
    this.tokens += record.numAccepted + 1;
    this.ms += record.roundMs;
    this.worthMs += usualMs;
  }

  /** It brings at least `factor` times the tokens that its time would bring plainly. */
  pays(plainMs: number, factor: number): boolean {
    return this.tokens * plainMs >= factor * this.worthMs;
  }

  /** Plain tokens that its time would have brought, less its own, at least 0; 0 where a plain one's time is 0, not known. */
  lostTokens(plainMs: number, ms = this.ms): number {
    return plainMs === 0 ? 0 : Math.max(0, ms / plainMs - this.tokens);
  }
}
