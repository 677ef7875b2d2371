// The guard of drafters that cost next to nothing: decides draft in hand. Knows nothing of drafters, verifiers or models.
import { FadingMean } from '../metrics/fading-mean.js';
import type { GuardReport, RoundRecord } from '../metrics/counters.js';
import type { PlainPace } from '../metrics/plain-pace.js';
import { ConfidenceCalibration, selectNodes, type DraftedNode } from './draft-selection.js';
import type { RoundCost } from './round-cost.js';
import { PlainMeasurement } from './plain-measurement.js';
import {
  MeasuringRhythm,
  plainly,
  type DraftSelector,
  type RoundPlan,
  type RoundPlanner,
} from './round-planner.js';

/** Share of what is known that is left after a round. */
const fading = 0.95;
/** Share of the time that looking at drafts that are not decoded may cost where drafts bring nothing. */
const lookingShare = 0.005;
/** Gains, in plain tokens, that losses may be set against: what was won long ago excuses nothing. */
const maxCredit = 8;
/** Losses, in plain tokens, after which drafts are not looked at for a while. */
const maxDebt = 3;
const firstPause = 16;
/** Draft tokens that are decoded at first, and at least: what is not known yet is tried small. */
const firstNodes = 4;
const leastNodes = 2;
const maxPause = 2048;
/** Plain tokens between two looks at most. */
const maxBetweenLooks = 256;
/** Plain tokens that are measured at a time: the first two take longer than those that follow. */
const measuredTokens = 3;
/** Early in every so many generations drafts are looked at in any case; twice as many after each such look. */
const maxGenerationDistance = 16;

/** Options of a {@link SelectingPlanner}. */
export interface SelectingOptions {
  readonly cost: RoundCost;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /** True mixes in plain rounds while speculating, too, to measure the speedup. */
  readonly isMeasuring: boolean;
  readonly calibration?: ConfidenceCalibration | undefined;
  /** What plain tokens took in answers before; where it is known one token by itself begins a text. */
  readonly pace?: PlainPace | undefined;
}

/**
 * Has the drafter propose, and decodes as much of the draft as its calibrated confidences make worth the time, which is
 * often nothing. A copied passage is followed from its second token on, and what lies between costs what plain decoding
 * costs. What is lost against plain decoding is bounded: losses that are not made up for lengthen pauses.
 */
export class SelectingPlanner implements RoundPlanner, DraftSelector {
  readonly startsPlain = true;
  readonly #options: SelectingOptions;
  readonly #calibration: ConfidenceCalibration;
  readonly #rhythm = new MeasuringRhythm();
  readonly #measurement = new PlainMeasurement();
  #isFirst = true;
  #isDrafting = false;
  /** The token under way is the first of a text and measures nothing: it takes longer than others. */
  #isOpening = false;
  #contextLength = 0;
  /** Plain tokens before the next draft. */
  #pause = 0;
  #nextPause = firstPause;
  /** Generations from one early look to the next, and until then. */
  #generationDistance = 1;
  #generationsToLook = 1;
  /** Milliseconds won against plain decoding. */
  #balance = 0;
  /** Of rounds that drafted, faded. */
  #seen = { tokens: 0, ms: 0 };
  /** Milliseconds that a token takes more than plainly where a draft was made and not decoded. */
  readonly #looked = new FadingMean();
  /** Draft tokens that are believed in: twice as many after each gain, half after each loss. */
  #believed = firstNodes;
  #promised = { numNodes: 0, tokens: 0 };
  /** Draft tokens of the round before. */
  #lastNodes = 0;
  #reason = '';

  constructor(options: SelectingOptions) {
    this.#options = options;
    this.#calibration = options.calibration ?? new ConfidenceCalibration();
  }

  /** A generation begins: what was learnt stays, but a change of subject is likely, and worth an early look. */
  begin(): void {
    this.#isFirst = true;
    this.#measurement.stop();
    if (this.#pause <= firstPause) return;
    this.#generationsToLook -= 1;
    if (this.#generationsToLook > 0) return;
    this.#pause = firstPause;
    this.#generationDistance = Math.min(maxGenerationDistance, 2 * this.#generationDistance);
    this.#generationsToLook = this.#generationDistance;
  }

  get report(): GuardReport {
    return { state: this.#pause > 1 ? 'plain' : 'speculating', reason: this.#reason };
  }

  plan(contextLength: number, numLeft = Infinity): RoundPlan {
    this.#contextLength = contextLength;
    this.#isDrafting = false;
    const underWay = this.#measurement.plan();
    if (underWay !== undefined) return underWay;
    const numPlainTokens = numLeft > 1 ? this.#plainTokens() : 1;
    if (numPlainTokens > 0) return this.#measurement.plan() ?? plainly(numPlainTokens);
    this.#isDrafting = true;
    const maxNodes = Math.min(this.#options.maxNodes, numLeft - 1);
    return { maxNodes, stopsAtEnd: true, isPlain: false, selector: this };
  }

  select(nodes: readonly DraftedNode[]): number {
    const { cost } = this.#options;
    const plainMs = cost.predict(0, this.#contextLength);
    if (plainMs === undefined) return 0;
    // What is tried small would not make up for a change of size.
    const believed = cost.holdsSizes(this.#contextLength) ? nodes.length : this.#believed;
    const promised = this.#calibration.promised(nodes).subarray(0, believed + 1);
    const numNodes = selectNodes({
      promised,
      ms: (size) => this.#predict(size),
      tokensPerMs: Math.max(1, this.#speedup(plainMs)) / plainMs,
    });
    this.#promised = { numNodes, tokens: promised[numNodes]! + 1 };
    return numNodes;
  }

  /** With what it takes to change to another size: from plain decoding there and back, which need not be paid again. */
  #predict(numNodes: number): number | undefined {
    const { cost } = this.#options;
    const ms = cost.predictVerification(numNodes, this.#contextLength);
    const isChange = numNodes > 0 && numNodes !== this.#lastNodes;
    if (ms === undefined || !isChange || !cost.holdsSizes(this.#contextLength)) return ms;
    return ms + (this.#lastNodes === 0 ? 2 : 1) * cost.sizeChange.ms;
  }

  learn(node: DraftedNode, isAccepted: boolean): void {
    this.#calibration.observe(node, isAccepted);
  }

  observe(record: RoundRecord): void {
    const before = this.#contextLength;
    this.#lastNodes = record.numDraftTokens;
    // A round that was to draft and did not takes longer than a plain token among others.
    const isUsual = this.#isDrafting ? record.numDraftTokens > 0 : !this.#isOpening;
    const isOtherSize = this.#isDrafting && this.#options.cost.holdsSizes(before);
    if (isUsual || isOtherSize) this.#options.cost.observe(record, before);
    this.#contextLength += record.numAccepted + 1;
    if (!this.#isDrafting) {
      this.#measurement.observe();
      this.#pause = Math.max(0, this.#pause - 1);
      return;
    }
    const plainMs = this.#options.cost.predict(0, before);
    if (plainMs !== undefined) this.#judge(record, plainMs);
  }

  #judge(record: RoundRecord, plainMs: number): void {
    const numTokens = record.numAccepted + 1;
    const isLook = record.numDraftTokens === 0;
    if (isLook) this.#looked.observe(Math.max(-plainMs, Math.min(plainMs, record.roundMs - plainMs)));
    // What else made one token slow is not the draft's fault: looks are charged by their mean.
    const gained = isLook ? -this.#lookingMs : numTokens * plainMs - record.roundMs;
    if (!isLook) {
      const wanted = gained > 0 ? 2 * this.#believed : this.#believed >> 1;
      this.#believed = Math.max(leastNodes, Math.min(this.#options.maxNodes, wanted));
    }
    this.#balance = Math.min(maxCredit * plainMs, this.#balance + gained);
    this.#seen.tokens = fading * this.#seen.tokens + numTokens;
    this.#seen.ms = fading * this.#seen.ms + numTokens * plainMs - gained;
    this.#describe(plainMs);
    if (this.#balance > 0) {
      this.#nextPause = firstPause;
      this.#generationDistance = this.#generationsToLook = 1;
    }
    this.#pause = this.#pauseAfter(record.numDraftTokens, plainMs);
  }

  /** Plain tokens that come next; 0 for a draft. */
  #plainTokens(): number {
    const isFirst = this.#isFirst;
    this.#isFirst = this.#isOpening = false;
    if (this.#pause > 0) return Math.min(this.#pause, this.#options.cost.mostPlainTokens);
    this.#isOpening = isFirst && this.#knowsPace;
    if (this.#isOpening) return 1;
    if (this.#options.cost.guessesPlain) return measuredTokens;
    if (!isFirst && !(this.#options.isMeasuring && this.#rhythm.isDue())) return 0;
    if (this.#options.cost.holdsSizes(this.#contextLength)) this.#measurement.start();
    return measuredTokens;
  }

  get #knowsPace(): boolean {
    const { isMeasuring, pace } = this.#options;
    return isMeasuring && pace !== undefined && pace.near(this.#contextLength).length > 0;
  }

  #pauseAfter(numNodes: number, plainMs: number): number {
    if (this.#balance < -maxDebt * plainMs) {
      this.#balance = (-maxDebt / 2) * plainMs;
      const pause = this.#nextPause;
      this.#nextPause = Math.min(maxPause, 2 * pause);
      return pause;
    }
    // Looking is paid out of what was won; where nothing was, it may cost next to nothing.
    if (numNodes > 0 || this.#balance > 0) return 0;
    return Math.min(maxBetweenLooks, Math.ceil(this.#lookingMs / (lookingShare * plainMs)) - 1);
  }

  get #lookingMs(): number {
    return Math.max(0, this.#looked.value);
  }

  #speedup(plainMs: number): number {
    const { tokens, ms } = this.#seen;
    return ms === 0 ? 1 : (tokens * plainMs) / ms;
  }

  #describe(plainMs: number): void {
    const { numNodes, tokens } = this.#promised;
    this.#reason =
      `the last draft was cut to ${numNodes} tokens, which promise ${tokens.toFixed(2)} a round; drafts of late make it ` +
      `${this.#speedup(plainMs).toFixed(2)} times as fast`;
  }
}
