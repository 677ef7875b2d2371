// What a generation did, counted round by round. Knows nothing of models; times come in as numbers.
import { median } from 'simple-statistics';
import type { PlainPace } from './plain-pace.js';

/** One round: a draft, a decode, a verdict. */
export interface RoundRecord {
  /** Draft tokens that were decoded. */
  readonly numDraftTokens: number;
  /** Tokens behind those that only filled the batch; default none. */
  readonly numFillTokens?: number | undefined;
  /** Largest depth of a draft token; that number itself on a chain. */
  readonly draftDepth: number;
  readonly numAccepted: number;
  /** Accepted nodes of the tree, ascending. */
  readonly acceptedNodes: readonly number[];
  /** Total variation distance from the target's law that a lossy rule spent; 0 for lossless ones. */
  readonly bias: number;
  /** True for a round without a draft in a generation that drafts. */
  readonly isPlain: boolean;
  /** True for a plain round that batches of another size before it slow down: it tells nothing of plain decoding. */
  readonly isSettling?: boolean | undefined;
  /** Milliseconds in the drafter. */
  readonly draftMs: number;
  /** Milliseconds in the target's decode. */
  readonly decodeMs: number;
  /** Milliseconds from logits to verdict. */
  readonly verifyMs: number;
  /** Milliseconds of the whole round. */
  readonly roundMs: number;
}

/** Nodes of a round's batch, whether they were drafted or fill it. */
export function numBatchNodes({ numDraftTokens, numFillTokens = 0 }: RoundRecord): number {
  return numDraftTokens + numFillTokens;
}

/** The record of a round without a draft. */
export function undraftedRound(
  times: Pick<RoundRecord, 'isPlain' | 'isSettling' | 'draftMs' | 'decodeMs' | 'verifyMs' | 'roundMs'>,
): RoundRecord {
  return { numDraftTokens: 0, draftDepth: 0, numAccepted: 0, acceptedNodes: [], bias: 0, ...times };
}

/** Figures of a generation so far; times in milliseconds. */
export interface GenerationStats {
  /** Target calls after the prompt; where target and draft model take turns, tokens, whoever wrote them. */
  readonly rounds: number;
  readonly draftTokens: number;
  readonly acceptedTokens: number;
  /** accepted / drafted; 0 when nothing was drafted. */
  readonly acceptanceRate: number;
  /** Output tokens of a round, the recovered or bonus token included; plain rounds of a drafting generation left out. */
  readonly meanAcceptanceLength: number;
  /** [deepest draft]: share of the rounds that drafted so deep in which the draft token at this depth was accepted. */
  readonly acceptedPerPosition: readonly number[];
  /** Total variation distance from the target's law that lossy rules spent, summed over positions; 0 when lossless. */
  readonly bias: number;
  readonly promptTokens: number;
  /** Prompt tokens found in the cache. */
  readonly reusedPromptTokens: number;
  readonly outputTokens: number;
  /** Output tokens per second after the prompt was decoded. */
  readonly tokensPerSecond: number;
  readonly promptMs: number;
  readonly timeToFirstTokenMs: number;
  readonly draftMs: number;
  readonly decodeMs: number;
  readonly verifyMs: number;
  /** What rounds took beyond drafting, decoding and verifying. */
  readonly overheadMs: number;
  /**
   * Speed against plain decoding, measured in the same generation and, under a guard, in those just before it at about the
   * same context length; null where there was no plain round but the first, which takes longer than others.
   */
  readonly speedup: number | null;
  /** What decided over rounds, why, and how many it left plain. */
  readonly guard: GuardStats;
}

/** Who decides over rounds, and what it last decided. */
export interface GuardReport {
  /**
   * `off`: nobody, rounds are as asked for; `measuring`: likewise, with plain rounds between; `speculating` and `plain`:
   * what the guard does.
   */
  readonly state: 'off' | 'measuring' | 'speculating' | 'plain';
  /** In a sentence; empty where nothing was decided. */
  readonly reason: string;
}

/** {@link GuardReport} and how many rounds were plain in a generation that may draft. */
export interface GuardStats extends GuardReport {
  readonly plainRounds: number;
}

/** Adds up rounds. */
export class GenerationCounters {
  #promptTokens = 0;
  #reusedPromptTokens = 0;
  #promptMs = 0;
  #timeToFirstTokenMs = 0;
  #outputTokens = 0;
  #rounds = 0;
  #speculative = { rounds: 0, tokens: 0, ms: 0 };
  #plainRounds = 0;
  /** Of those that tell what plain decoding takes. */
  #plainMs: number[] = [];
  /** Of answers before. */
  #earlierPlainMs: readonly number[] = [];
  #draftTokens = 0;
  #acceptedTokens = 0;
  #bias = 0;
  #drafted: number[] = [];
  #accepted: number[] = [];
  #times = { draft: 0, decode: 0, verify: 0, round: 0 };
  readonly #guard: () => GuardReport;
  readonly #pace: PlainPace | undefined;

  /**
   * @param guard  tells who decides over rounds
   * @param pace   plain decoding in generations before, which this one adds to; undefined: it measures by itself
   */
  constructor(guard: () => GuardReport, pace?: PlainPace) {
    this.#guard = guard;
    this.#pace = pace;
  }

  prompt(numTokens: number, numReused: number, ms: number): void {
    this.#promptTokens = numTokens;
    this.#reusedPromptTokens = numReused;
    this.#promptMs = ms;
  }

  /** @param sinceStartMs  milliseconds since the generation was asked for */
  output(sinceStartMs: number): void {
    if (this.#outputTokens === 0) this.#timeToFirstTokenMs = sinceStartMs;
    this.#outputTokens += 1;
  }

  /** @param contextLength  tokens of the context by now */
  round(record: RoundRecord, contextLength = 0): void {
    const isFirst = this.#rounds === 0;
    if (isFirst) this.#earlierPlainMs = this.#pace?.near(contextLength) ?? [];
    this.#rounds += 1;
    this.#times.draft += record.draftMs;
    this.#times.decode += record.decodeMs;
    this.#times.verify += record.verifyMs;
    this.#times.round += record.roundMs;
    if (record.isPlain) {
      this.#plainRounds += 1;
      // The first token after a prompt takes longer than those that follow.
      if (isFirst || record.isSettling === true) return;
      const ms = record.decodeMs + record.verifyMs;
      this.#plainMs.push(ms);
      this.#pace?.observe(contextLength, ms);
      return;
    }
    this.#speculative.rounds += 1;
    this.#speculative.tokens += record.numAccepted + 1;
    this.#speculative.ms += record.roundMs;
    this.#draftTokens += record.numDraftTokens;
    this.#acceptedTokens += record.numAccepted;
    this.#bias += record.bias;
    for (let depth = 0; depth < record.draftDepth; depth++) {
      this.#drafted[depth] = (this.#drafted[depth] ?? 0) + 1;
      this.#accepted[depth] = (this.#accepted[depth] ?? 0) + (depth < record.numAccepted ? 1 : 0);
    }
  }

  /** The drafter has looked back for so many milliseconds, between rounds. */
  lookBack(ms: number): void {
    this.#times.draft += ms;
    this.#times.round += ms;
  }

  get stats(): GenerationStats {
    const { draft, decode, verify, round } = this.#times;
    const guard = this.#guard();
    return {
      rounds: this.#rounds,
      draftTokens: this.#draftTokens,
      acceptedTokens: this.#acceptedTokens,
      acceptanceRate: ratio(this.#acceptedTokens, this.#draftTokens),
      meanAcceptanceLength: ratio(this.#speculative.tokens, this.#speculative.rounds),
      acceptedPerPosition: this.#drafted.map((drafted, depth) => ratio(this.#accepted[depth]!, drafted)),
      bias: this.#bias,
      promptTokens: this.#promptTokens,
      reusedPromptTokens: this.#reusedPromptTokens,
      outputTokens: this.#outputTokens,
      tokensPerSecond: ratio(1000 * this.#outputTokens, round),
      promptMs: this.#promptMs,
      timeToFirstTokenMs: this.#timeToFirstTokenMs,
      draftMs: draft,
      decodeMs: decode,
      verifyMs: verify,
      overheadMs: Math.max(0, round - draft - decode - verify),
      speedup: this.#speedup(guard),
      guard: { ...guard, plainRounds: this.#plainRounds },
    };
  }

  /**
   * Plain rounds bring one token each; the median keeps one slow moment from speaking for all of them. Their overhead is
   * left out: plain decoding by itself pays it once for many tokens. Under a guard its plain rounds are part of what is
   * compared; elsewhere they are there to measure alone.
   */
  #speedup({ state }: GuardReport): number | null {
    const plainMs = [...this.#earlierPlainMs, ...this.#plainMs];
    if (plainMs.length === 0 || this.#speculative.tokens === 0) return null;
    const isPart = state === 'speculating' || state === 'plain';
    const tokens = this.#speculative.tokens + (isPart ? this.#plainRounds : 0);
    return (median(plainMs) * tokens) / (isPart ? this.#times.round : this.#speculative.ms);
  }
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
