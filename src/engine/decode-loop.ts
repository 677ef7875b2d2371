// The decode loop: rounds, stop conditions, events. Knows nothing of models or files.
import type { RoundPlanner } from '../cost/round-planner.js';
import type { Drafter } from '../draft/drafter.js';
import { GenerationCounters, type GenerationStats, type RoundRecord } from '../metrics/counters.js';
import type { PlainPace } from '../metrics/plain-pace.js';
import type { RecheckCounters, RecheckStats } from '../metrics/recheck-counters.js';
import { ContextFullError } from '../errors.js';
import { TokenBuffer } from '../model/token-buffer.js';
import type { SparseAudit, SparseStats } from '../sparse/audit.js';
import type { SparseDecisions } from '../sparse/auto-policy.js';
import type { SamplingParams, TokenId, TokenLogprobs } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import { lookBack } from './look-back.js';
import { runPlainRounds } from './plain-rounds.js';
import { runRound, type DraftedRound, type RoundResult } from './round.js';
import type { StitchedRounds, StitchStats } from './stitched-rounds.js';
import { StopStrings } from './stop-conditions.js';
import type { Target } from './target.js';

/** Why a generation ended. */
export type FinishReason = 'stop' | 'length' | 'abort';

/** How an output token came about; with `stitch`, `accepted` is the draft model's and `bonus` the target's. */
export type OutputTokenKind = 'accepted' | 'recovered' | 'bonus';

/** What a generation brought. */
export interface GenerationResult {
  readonly text: string;
  /** Output tokens; an end-of-generation token that ended it is not among them. */
  readonly tokens: readonly TokenId[];
  /** Of each output token; there where the generation was asked for them. */
  readonly logprobs?: readonly TokenLogprobs[] | undefined;
  readonly finishReason: FinishReason;
  /** True when the output follows the target's distribution exactly. */
  readonly lossless: boolean;
  /** How far the thinned target is from the dense one; there where batches were thinned out without recheck. */
  readonly sparse?: SparseStats | undefined;
  /** What was left out of which batches, and why; there where that is chosen by measured times. */
  readonly sparseDecisions?: SparseDecisions | undefined;
  /** What a dense batch made of the thinned target's tokens; there where it rechecks them. */
  readonly recheck?: RecheckStats | undefined;
  /** Who wrote how much; there where target and draft model took turns. */
  readonly stitch?: StitchStats | undefined;
  readonly stats: GenerationStats;
}

/** What a generation tells while it runs. */
export type GenerationEvent =
  | {
      readonly type: 'token';
      readonly token: TokenId;
      readonly kind: OutputTokenKind;
      readonly logprobs?: TokenLogprobs | undefined;
    }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'round'; readonly round: RoundRecord; readonly draft?: DraftedRound | undefined }
  | { readonly type: 'done'; readonly result: GenerationResult };

/** Turns tokens into text as they come. */
export interface TextStream {
  push(token: TokenId): string;
  end(): string;
}

/** Everything a generation needs. */
export interface GenerationSetup {
  readonly target: Target;
  readonly drafter: Drafter | undefined;
  readonly verifier: Verifier;
  readonly planner: RoundPlanner;
  /** Plain decoding in generations before. */
  readonly pace?: PlainPace | undefined;
  /** Of a target that leaves something out. */
  readonly audit?: SparseAudit | undefined;
  /** Tells what a thinned target left out and why, where that is chosen. */
  readonly sparseDecisions?: (() => SparseDecisions) | undefined;
  /** Counts rechecks, where there are any. */
  readonly recheck?: RecheckCounters | undefined;
  /** Called between batches. */
  readonly onBatch?: (() => void) | undefined;
  /** Runs the rounds in place of drafts and verdicts. */
  readonly stitch?: StitchedRounds | undefined;
  readonly prompt: readonly TokenId[];
  readonly sampling: SamplingParams;
  readonly seed: number;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  /** True for tokens that end the generation; undefined: it goes on past those that would. */
  readonly isEnd: ((token: TokenId) => boolean) | undefined;
  readonly text: TextStream;
  readonly signal: AbortSignal | undefined;
}

/** Tokens of a prompt that take so long that they are worth a look at what else the machine does. */
const longPrompt = 64;

/** One generation: runs once, and keeps what it produced however it ends. */
export class DecodeLoop {
  readonly #setup: GenerationSetup;
  readonly #counters: GenerationCounters;
  readonly #tokens: TokenBuffer;
  readonly #output: TokenId[] = [];
  readonly #logprobs: TokenLogprobs[] = [];
  /** Of the last tokens, those that were drawn by themselves one after the other, in the rows that they were drawn from. */
  #plainProbabilities: number[] = [];
  readonly #stops: StopStrings;
  #hasDrafterBegun = false;
  #text = '';
  #finishReason: FinishReason = 'abort';

  constructor(setup: GenerationSetup) {
    this.#setup = setup;
    this.#counters = new GenerationCounters(() => setup.planner.report, setup.pace);
    this.#tokens = new TokenBuffer(setup.prompt);
    this.#stops = new StopStrings(setup.stop);
  }

  /** What was produced so far; `finishReason` is `abort` until the generation has ended by itself. */
  get result(): GenerationResult {
    const sparse = this.#setup.audit?.stats;
    const isThinned = sparse !== undefined && sparse.rounds > 0;
    const { stitch: stitched, recheck } = this.#setup;
    const sparseDecisions = this.#setup.sparseDecisions?.();
    const stitch = stitched?.stats;
    const isDrafted = stitch !== undefined && stitch.draftTokens > 0;
    return {
      text: this.#text,
      tokens: [...this.#output],
      ...(this.#logprobs.length > 0 && { logprobs: [...this.#logprobs] }),
      finishReason: this.#finishReason,
      lossless: this.#setup.verifier.lossless && !isThinned && !isDrafted,
      ...(isThinned && { sparse }),
      ...(sparseDecisions && { sparseDecisions }),
      ...(recheck && { recheck: recheck.stats }),
      ...(stitch && { stitch }),
      stats: this.#counters.stats,
    };
  }

  /**
   * What happens, in portions: the events of a portion are there without waiting, and happen as they are asked for. Each
   * portion has to be read to its end.
   */
  async *run(): AsyncGenerator<Iterable<GenerationEvent>, void, undefined> {
    const startedAt = performance.now();
    await this.#decodePrompt();
    if (this.#setup.maxTokens === 0) this.#finishReason = 'length';
    while (!this.#isFinished) {
      this.#setup.signal?.throwIfAborted();
      if (this.#room() < 1) {
        this.#finishReason = 'length';
        break;
      }
      for await (const rounds of this.#rounds()) {
        yield this.#tell(rounds, startedAt);
        if (this.#isFinished) break;
      }
    }
    yield this.#finish();
  }

  get #isFinished(): boolean {
    return this.#finishReason !== 'abort';
  }

  *#tell(rounds: readonly RoundResult[], startedAt: number): Generator<GenerationEvent, void, undefined> {
    for (const round of rounds) {
      this.#counters.round(round.record, this.#tokens.length);
      if (round.probability === undefined) this.#plainProbabilities = [];
      else this.#plainProbabilities.push(round.probability);
      let finishReason: FinishReason | undefined;
      try {
        finishReason = yield* this.#emit(round, startedAt);
      } finally {
        this.#setup.planner.observe(round.record);
      }
      yield { type: 'round', round: round.record, draft: round.draft };
      if (finishReason === undefined) continue;
      this.#finishReason = finishReason;
      return;
    }
    // Nothing keeps tokens from their reader, and threads change only after the round was learnt from.
    this.#setup.onBatch?.();
  }

  /** Tells the tokens of a round; returns why the generation ends with it, if it does. */
  *#emit(
    round: RoundResult,
    startedAt: number,
  ): Generator<GenerationEvent, FinishReason | undefined, undefined> {
    for (const [index, token] of round.tokens.entries()) {
      this.#setup.signal?.throwIfAborted();
      const finishReason = this.#finishAt(token);
      if (finishReason === 'stop') return finishReason;
      this.#counters.output(performance.now() - startedAt);
      const isLast = index === round.tokens.length - 1;
      const logprobs = round.logprobs?.[index];
      if (logprobs !== undefined) this.#logprobs.push(logprobs);
      yield {
        type: 'token',
        token,
        kind: isLast ? round.nextTokenKind : 'accepted',
        ...(logprobs && { logprobs }),
      };
      const { text, isStopped } = this.#stops.push(this.#setup.text.push(token));
      this.#text += text;
      if (text !== '') yield { type: 'text', text };
      if (isStopped) return 'stop';
      if (finishReason !== undefined) return finishReason;
    }
    return undefined;
  }

  async #decodePrompt(): Promise<void> {
    const { target, drafter, stitch, prompt, signal } = this.#setup;
    if (prompt.length > target.contextSize) throw new ContextFullError(prompt.length, target.contextSize);
    signal?.throwIfAborted();
    if (prompt.length >= longPrompt) this.#setup.onBatch?.();
    const startedAt = performance.now();
    const numReused = await target.prefill(prompt.slice(0, -1), signal);
    // A drafter that is not asked at first reads the text when it is.
    this.#hasDrafterBegun = !this.#setup.planner.startsPlain;
    if (this.#hasDrafterBegun) await drafter?.begin(prompt, signal);
    await stitch?.begin(prompt, signal);
    this.#counters.prompt(prompt.length, numReused, performance.now() - startedAt);
  }

  /** Cells left for the root and the draft of a round. */
  #room(): number {
    const { target } = this.#setup;
    return Math.min(target.contextSize - this.#tokens.length + 1, target.maxBatch);
  }

  /** Rounds that were run, those of one call into the target at a time. */
  async *#rounds(): AsyncGenerator<readonly RoundResult[], void, undefined> {
    const { planner, target, drafter, verifier, stitch, maxTokens } = this.#setup;
    const start = { tokens: this.#tokens.view, outputPosition: this.#output.length };
    if (stitch !== undefined) {
      yield [await stitch.next(start)];
      return;
    }
    const numLeft = maxTokens - this.#output.length;
    const canExtend = verifier.lossless && target.extend !== undefined;
    if (drafter === undefined && canExtend) {
      yield* runPlainRounds(this.#setup, start, numLeft);
      return;
    }
    const plan = planner.plan(this.#tokens.length, numLeft);
    if (plan.looksBack !== undefined && planner.lookedBack !== undefined) {
      await this.#lookBack(plan.looksBack);
      return;
    }
    const { maxNodes: wanted, numPlainTokens = 1 } = plan;
    // A single token is worth a round of its own where a drafter learns from the target's row.
    const isTaught = this.#hasDrafterBegun && drafter?.numCandidates !== undefined;
    if (wanted === 0 && canExtend && (numPlainTokens > 1 || !isTaught)) {
      yield* runPlainRounds(this.#setup, start, Math.min(numPlainTokens, numLeft), plan.isSettling);
      return;
    }
    const maxNodes = Math.min(wanted, this.#room() - 1);
    const isBeginning = maxNodes > 0 && !this.#hasDrafterBegun;
    this.#hasDrafterBegun ||= isBeginning;
    const setup = this.#hasDrafterBegun ? this.#setup : { ...this.#setup, drafter: undefined };
    const numBatchNodes = plan.numBatchNodes && Math.min(plan.numBatchNodes, maxNodes);
    yield [await runRound(setup, { ...start, plan: { ...plan, maxNodes, numBatchNodes }, isBeginning })];
  }

  async #lookBack(numTokens: number): Promise<void> {
    const probabilities = this.#plainProbabilities.slice(-numTokens);
    const look = await lookBack(this.#setup, {
      tokens: this.#tokens.view,
      outputPosition: this.#output.length,
      isBeginning: !this.#hasDrafterBegun,
      probabilities,
    });
    this.#hasDrafterBegun ||= look.ms > 0;
    this.#counters.lookBack(look.ms);
    this.#setup.planner.lookedBack?.(look);
  }

  /** Takes an output token; says whether the generation ends with it, or before it by `stop`. */
  #finishAt(token: TokenId): FinishReason | undefined {
    if (this.#setup.isEnd?.(token)) return 'stop';
    this.#tokens.append([token]);
    this.#output.push(token);
    return this.#output.length >= this.#setup.maxTokens ? 'length' : undefined;
  }

  *#finish(): Generator<GenerationEvent, void, undefined> {
    const last = this.#stops.push(this.#setup.text.end());
    const text = last.text + (last.isStopped ? '' : this.#stops.end());
    this.#text += text;
    if (text !== '') yield { type: 'text', text };
    yield { type: 'done', result: this.result };
  }
}
