// How many tokens a thinned target writes before a dense batch verifies them, or whether it does at all. Knows nothing of
// models.
import type { GuardReport, RoundRecord } from '../metrics/counters.js';
import { expectedRun } from './expected-tokens.js';
import type { RoundPlan, RoundPlanner } from './round-planner.js';

/** Rechecking has to be so many times as fast as what is done without it before it is begun, and to go on. */
const worthBeginning = 1.05;
const worthKeeping = 1.02;
/** Rounds of a generation without recheck before it is thought of: they tell what it has to beat. */
const firstRounds = 3;
/** Tokens of the first run: what is not known yet is tried small. */
const firstTokens = 8;
/** One round in so many is without recheck, to see what it has to beat now. */
const compareEvery = 16;
/** Share of what is known that is left after a round, of what a round without recheck brings and of what rechecks do. */
const innerFading = 0.93;
/** As above, of what was seen before where rechecks lie between. */
const comparedFading = 0.7;
const fading = 0.97;
/** As above, after rounds without recheck: what was bad for long is tried again. */
const forgetting = 0.9995;
/** What is thought of acceptance before anything was seen, and how many tokens that thought is worth. */
const prior = { rate: 0.97, tokens: 3 };
/** As above, of the time that a thinned token takes. */
const priorTokens = 1;
/** A run may have taken so many times what was expected for a token; more is an accident. */
const largestSurprise = 3;

/** What dense batches take and thinned ones cannot take less than. */
export interface RecheckCosts {
  /** @returns milliseconds of a dense batch; undefined while too little is known */
  dense(numTokens: number, contextLength: number): number | undefined;
  /** @returns milliseconds that a thinned batch cannot be faster than; undefined while too little is known */
  thinnedFloor(numTokens: number, contextLength: number): number | undefined;
  /** A dense batch was decoded. */
  observe(record: RoundRecord, contextLength: number): void;
}

/** Options of a {@link RecheckPlanner}. */
export interface RecheckPlannerOptions {
  readonly costs: RecheckCosts;
  /** Tokens of a run, at least and at most. */
  readonly fewest: number;
  readonly most: number;
  /** False where a context of this length would be read whole. */
  readonly isThinned: (contextLength: number) => boolean;
}

/** What a run of some length is expected to bring. */
interface Expected {
  readonly numTokens: number;
  /** Output tokens a millisecond. */
  readonly speed: number;
}

/**
 * Takes the run length N with the most expected tokens for the time, `(E(N) + 1) / (N t + D(N + 1))`: E(N) tokens are
 * accepted where each is with the rate seen so far, t is what the thinned target takes for a token, and D what the dense
 * batch does. Where that is not faster than rounds without recheck, it leaves them to the planner of those. N is decided
 * before anything of the round is drawn, so that the law is that of the verifier.
 *
 * Before the first run t is what rounds without recheck take for a token, shortened as much as thinning their batches can
 * at best, and D reads the context once for all its tokens: where even that does not pay, rechecking is never tried.
 */
export class RecheckPlanner implements RoundPlanner {
  readonly #options: RecheckPlannerOptions;
  #inner: RoundPlanner;
  /** True while the round that was planned last is rechecked. */
  isRechecking = false;
  /** True while the round that was planned last is without recheck to compare. */
  #isComparing = false;
  #contextLength = 0;
  #round = 0;
  #innerRounds = 0;
  #numRuns = 0;
  /** Faded sums over rounds without recheck. */
  readonly #without = { tokens: 0, ms: 0, batches: 0 };
  /** Faded sums over runs: what they took, what was verified, and what was accepted of it. */
  readonly #runs = { tokens: 0, ms: 0, tried: 0, accepted: 0 };
  #reason = '';

  constructor(options: RecheckPlannerOptions, inner: RoundPlanner) {
    this.#options = options;
    this.#inner = inner;
  }

  /** A generation begins, whose rounds without recheck this planner decides over. */
  begin(inner: RoundPlanner): void {
    this.#inner = inner;
    this.isRechecking = false;
    this.#innerRounds = 0;
    Object.assign(this.#without, { tokens: 0, ms: 0, batches: 0 });
  }

  get startsPlain(): boolean {
    return this.#inner.startsPlain;
  }

  get report(): GuardReport {
    const { state, reason } = this.#inner.report;
    const sentences = [this.#reason, reason].filter((sentence) => sentence !== '');
    return { state: this.isRechecking ? 'speculating' : state, reason: sentences.join('; ') };
  }

  plan(contextLength: number, numLeft?: number): RoundPlan {
    this.#contextLength = contextLength;
    this.#round += 1;
    this.#isComparing = this.isRechecking && this.#round % compareEvery === 0;
    const run = this.#isComparing ? undefined : this.#runFor(contextLength);
    this.isRechecking = run !== undefined;
    if (run !== undefined) return { maxNodes: run, isPlain: false };
    const plan = this.#inner.plan(contextLength, numLeft);
    return this.#isComparing || this.#innerRounds < firstRounds ? { ...plan, numPlainTokens: 1 } : plan;
  }

  observe(record: RoundRecord): void {
    if (!this.isRechecking) {
      this.#inner.observe(record);
      this.#options.costs.observe(record, this.#contextLength);
      this.#observeWithout(record);
      return;
    }
    const { numDraftTokens, numAccepted, draftMs } = record;
    this.#options.costs.observe(record, this.#contextLength);
    if (numDraftTokens === 0) return;
    const expectedMs = (this.#thinnedMs(this.#contextLength) ?? Infinity) * numDraftTokens;
    this.#numRuns += 1;
    this.#fade(fading);
    this.#runs.tokens += numDraftTokens;
    this.#runs.ms += Math.min(draftMs, largestSurprise * expectedMs);
    this.#runs.accepted += numAccepted;
    this.#runs.tried += Math.min(numAccepted + 1, numDraftTokens);
  }

  /** Tokens of the run that the next round begins with; undefined: without recheck. */
  #runFor(contextLength: number): number | undefined {
    const { fewest, most, isThinned } = this.#options;
    if (!isThinned(contextLength) || this.#innerRounds < firstRounds) return undefined;
    const best = this.#best(contextLength);
    if (best === undefined) return undefined;
    const speedup = (best.speed * this.#without.ms) / this.#without.tokens;
    this.#reason = `a recheck every ${best.numTokens} tokens is expected to be ${speedup.toFixed(2)} times as fast as none`;
    if (speedup < (this.isRechecking ? worthKeeping : worthBeginning)) return undefined;
    return this.#numRuns === 0 ? Math.max(fewest, Math.min(firstTokens, most)) : best.numTokens;
  }

  #best(contextLength: number): Expected | undefined {
    const thinnedMs = this.#thinnedMs(contextLength);
    if (thinnedMs === undefined) return undefined;
    const { tried, accepted } = this.#runs;
    const rate = (accepted + prior.rate * prior.tokens) / (tried + prior.tokens);
    let best: Expected | undefined;
    for (let numTokens = this.#options.fewest; numTokens <= this.#options.most; numTokens++) {
      const denseMs = this.#denseMs(numTokens + 1, contextLength);
      if (denseMs === undefined) return undefined;
      const speed = (expectedRun(rate, numTokens) + 1) / (numTokens * thinnedMs + denseMs);
      if (speed > (best?.speed ?? 0)) best = { numTokens, speed };
    }
    return best;
  }

  /** Milliseconds of the batch that rechecks. */
  #denseMs(numTokens: number, contextLength: number): number | undefined {
    const { dense } = this.#options.costs;
    if (this.#numRuns > 0) return dense(numTokens, contextLength);
    const size = this.#usualSize;
    const [known, small, large] = [dense(size, contextLength), dense(size, 0), dense(numTokens, 0)];
    if (known === undefined || small === undefined || large === undefined) return undefined;
    return known + Math.max(0, large - small);
  }

  /** Tokens of a batch without recheck. */
  get #usualSize(): number {
    return Math.max(1, Math.round(this.#without.batches));
  }

  /** Milliseconds of the thinned target for a token. */
  #thinnedMs(contextLength: number): number | undefined {
    const { costs } = this.#options;
    const { tokens, ms } = this.#without;
    const size = this.#usualSize;
    const denseMs = costs.dense(size, contextLength);
    const floorMs = costs.thinnedFloor(size, contextLength);
    if (denseMs === undefined || floorMs === undefined || tokens === 0) return undefined;
    const atBest = (ms / tokens) * Math.min(1, floorMs / Math.max(denseMs, 1e-9));
    return (this.#runs.ms + priorTokens * atBest) / (this.#runs.tokens + priorTokens);
  }

  #observeWithout({ numDraftTokens, numAccepted, roundMs }: RoundRecord): void {
    this.#innerRounds += 1;
    const without = this.#without;
    const left = this.#isComparing ? comparedFading : innerFading;
    without.tokens = left * without.tokens + numAccepted + 1;
    without.ms = left * without.ms + roundMs;
    without.batches =
      without.batches === 0 ? numDraftTokens + 1 : 0.8 * without.batches + 0.2 * (numDraftTokens + 1);
    this.#contextLength += numAccepted + 1;
    this.#fade(forgetting);
  }

  #fade(share: number): void {
    for (const key of ['tokens', 'ms', 'tried', 'accepted'] as const) this.#runs[key] *= share;
  }
}
