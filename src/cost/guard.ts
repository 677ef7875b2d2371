// The guard: speculates where it pays, and decides how much. Knows nothing of drafters, verifiers or models.
import { numBatchNodes, type GuardReport, type RoundRecord } from '../metrics/counters.js';
import type { PlainPace } from '../metrics/plain-pace.js';
import { BeginCost, type Prospect } from './begin-cost.js';
import {
  describedSpeed,
  ExpectedSpeeds,
  firstNodes,
  worthBeginning,
  type ExpectedSpeed,
  type SpeedBasis,
} from './expected-speed.js';
import { PlainMeasurement } from './plain-measurement.js';
import { ProbeRhythm, type ProbeProspect } from './probe-rhythm.js';
import { measuredTokens, MeasuringRhythm, type RoundPlan, type RoundPlanner } from './round-planner.js';
import { Trial } from './trial.js';
import { exploreEvery, TrialRhythm } from './trial-rhythm.js';

/** Plain tokens that tell what plain decoding takes by now: speculation that was off by what it took before is on again. */
const tellingTokens = 8;
/** Another size has to be so many times as fast as the one before: a change costs a graph. */
const worthChanging = 1.05;
/** Plain tokens before it is asked again whether reading the text pays. */
const unreadTokens = 32;
/** Rounds of a probe that pay before speculation is on again. */
const convincingRounds = 3;
/** Draft tokens of the first two rounds of a text at most, twice as many in the next two: how the last one ended says little. */
const openingNodes = 4;
const openingRounds = 2;
/** Rounds that speculation is believed in before it is measured. */
const firstRounds = 2;
/**
 * In the first rounds bad luck is likely: a drafter that would pay if it were a mediocre one is given so many rounds, while
 * they cost no more than so many plain tokens.
 */
const hastyRounds = 12;
const hastyLoss = 4;
/** What may make up for costs that are known a little wrong, or a drafter that is better than mediocre. */
const worthTrying = 0.9;
/** Plain tokens that a probe may lose before it has brought nothing: one bad round says little. */
const probeLoss = 2;
/** A try goes on until what it costs is seen, for so many rounds. */
const exploringRounds = 3;
/**
 * A try that brings so many times as much goes on, and is believed in after so many rounds: where drafts end may decide what
 * the next ones are worth, which no rounds of another size tell.
 */
const trialPays = 1.05;
const convincingTrial = 10;
/** Plain tokens behind the first one of a text, which takes longer, that tell what plain decoding takes. */
const openingTokens = 2;
/** Speculative rounds of a generation before one is plain to measure by: the first token was plain already. */
const firstMeasurement = 32;

/** Options of a {@link GuardPlanner}. */
export interface GuardOptions extends SpeedBasis {
  /** True mixes in plain rounds while speculating, too, to measure the speedup. */
  readonly isMeasuring: boolean;
  /** Milliseconds that the drafter takes for a token of a text before its first draft, measured before. */
  readonly readMsPerToken?: number | undefined;
  /** What plain tokens took in answers before. */
  readonly pace?: PlainPace | undefined;
}

/**
 * Expected tokens over predicted time decides each round: off, or the number of draft tokens that is best. Switched off,
 * it decodes plainly and probes now and then; what probes cost stays below a percent of the time, early in a text below two.
 */
export class GuardPlanner implements RoundPlanner {
  readonly #options: GuardOptions;
  #rhythm = new MeasuringRhythm(firstMeasurement);
  readonly #measurement = new PlainMeasurement();
  #isOff = false;
  #isFirst = true;
  #numRounds = 0;
  /** In this generation. */
  #roundsOfText = 0;
  /** What the rounds of speculation have lost against plain decoding, in plain tokens. */
  #lostInRounds = 0;
  #contextLength = 0;
  /** Tokens that are still to be output at most. */
  #numLeft = Infinity;
  #plannedNodes = 0;
  /** The size of the rounds before, explorations left out. */
  #heldNodes = 0;
  readonly #reading: BeginCost;
  #probe: Trial | undefined;
  /** Of another size than the best one. */
  #trial: Trial | undefined;
  readonly #trials = new TrialRhythm();
  readonly #probes = new ProbeRhythm();
  #reason = '';

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#reading = new BeginCost(options.readMsPerToken);
  }

  /** A generation begins: what was learnt stays, but a change of subject is likely, and worth an early probe. */
  begin(): void {
    this.#probe = this.#trial = undefined;
    this.#measurement.stop();
    this.#options.tokens.begin();
    this.#reading.begin();
    this.#isFirst = true;
    this.#rhythm = new MeasuringRhythm(firstMeasurement);
    this.#probes.begin(this.#isOff);
    this.#roundsOfText = 0;
  }

  /** The first token comes as soon as it does plainly, and says what plain decoding takes at this length. */
  readonly startsPlain = true;

  get report(): GuardReport {
    return { state: this.#isOff ? 'plain' : 'speculating', reason: this.#reason };
  }

  plan(contextLength: number, numLeft = Infinity): RoundPlan {
    this.#contextLength = contextLength;
    this.#numLeft = numLeft;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const wanted = isFirst ? this.#planFirst() : (this.#measurement.plan() ?? this.#planNext());
    const plan = this.#settled(wanted, isFirst);
    // A round brings one token more than are accepted.
    this.#plannedNodes = this.#holdsSizes ? plan.maxNodes : Math.min(plan.maxNodes, numLeft - 1);
    const fill = this.#holdsSizes && plan.maxNodes > 0 ? { numBatchNodes: this.#plannedNodes } : {};
    const numPlainTokens = Math.min(plan.numPlainTokens ?? 1, this.#options.cost.mostPlainTokens);
    return { ...plan, maxNodes: this.#plannedNodes, ...fill, numPlainTokens };
  }

  observe(record: RoundRecord): void {
    const { cost, tokens } = this.#options;
    const isReading = this.#plannedNodes > 0 && !this.#reading.hasBegun;
    if (this.#plannedNodes > 0) {
      const usualMs = cost.predictDrafted(numBatchNodes(record), this.#contextLength);
      const extraMs = record.roundMs - (usualMs ?? record.roundMs) - cost.sizeChange.firstMs;
      this.#reading.drafted(extraMs, this.#contextLength);
    }
    cost.observe(record, this.#contextLength, isReading);
    this.#contextLength += record.numAccepted + 1;
    this.#reading.advance(record.numAccepted + 1);
    if (this.#plannedNodes === 0) {
      this.#measurement.observe();
      this.#probes.count();
      return;
    }
    this.#numRounds += 1;
    this.#trials.count();
    this.#roundsOfText += 1;
    this.#lostInRounds += this.#lossOf(record);
    // A drafter that has nothing to propose costs nothing, but for one that has looked whether it is worth its time.
    const hasLooked = this.#options.isSelective ?? false;
    if (record.numDraftTokens === 0 && this.#probe === undefined && !hasLooked) return;
    tokens.observe(this.#plannedNodes, record.acceptedNodes, record.numDraftTokens);
    this.#trials.observe(record, this.#plannedNodes);
    if (this.#probe !== undefined) this.#judgeProbe(record);
    else if (this.#trial !== undefined) this.#judgeTrial(record);
  }

  /** Where sizes are held, the first plain tokens after drafts are decoded by themselves: what they take says little. */
  #settled(plan: RoundPlan, isFirst: boolean): RoundPlan {
    if (plan.maxNodes > 0 || this.#plannedNodes === 0 || !this.#holdsSizes) return plan;
    // Of a text one token is enough: its drafts come next.
    if (isFirst) return { ...plan, isSettling: true };
    return plan.isSettling === true ? plan : this.#measurement.settle();
  }

  #planNext(): RoundPlan {
    return this.#isOff ? this.#planOff() : this.#planOn();
  }

  /** One token, or as many as tell what plain ones take, where no answer before has told it. */
  #planFirst(): RoundPlan {
    const { isMeasuring, pace } = this.#options;
    if (!isMeasuring || (pace?.near(this.#contextLength).length ?? 0) > 0) return plain(1);
    return this.#holdsSizes ? this.#measurement.start() : this.#measurement.start(1, openingTokens);
  }

  #planOn(): RoundPlan {
    if (this.#options.cost.guessesPlain) return this.#measurement.start();
    const best = this.#speeds.best();
    if (best === undefined && this.#numRounds < firstRounds) {
      this.#reason = 'nothing is known yet';
      return drafting(Math.min(firstNodes, this.#options.maxNodes));
    }
    if (best === undefined) return plain(1);
    if (this.#options.isMeasuring && this.#trial === undefined && this.#isMeasurementDue(best))
      return this.#planMeasurement(best);
    if (best.speedup < 1) {
      const hope = this.#speeds.hopeful();
      if (hope !== undefined && this.#isHasty(hope) && hope.speedup >= worthTrying) {
        this.#reason = `too little is known: ${describedSpeed(best)}`;
        return drafting(hope.numNodes);
      }
      this.#isOff = true;
      this.#probes.switchOff();
      this.#trial = this.#probe = undefined;
      this.#reason = `off: ${describedSpeed(best)}`;
      return this.#planOff();
    }
    if (!this.#pays(this.#likely(best))) return this.#planUnread(best);
    const holdsSizes = this.#holdsSizes;
    const { cost, isSelective = false } = this.#options;
    if (isSelective && !holdsSizes) {
      this.#reason = describedSpeed(best);
      return this.#worthwhile(best.numNodes, best);
    }
    const held = this.#speeds.of(this.#heldNodes);
    const isChange = this.#plannedNodes === this.#heldNodes;
    const enough = worthChanging + (isChange ? cost.sizeChange.share(best.ms) : 0);
    const choice = held !== undefined && best.promise < enough * held.speedup ? held : best;
    if (this.#heldNodes !== choice.numNodes) this.#trials.settle();
    this.#heldNodes = choice.numNodes;
    this.#reason = describedSpeed(choice);
    if (this.#probe === undefined) this.#trial ??= this.#nextTrial(choice);
    const numNodes = this.#trial?.numNodes ?? choice.numNodes;
    if (holdsSizes) return drafting(numNodes);
    const opening = openingNodes * 2 ** Math.floor(this.#roundsOfText / openingRounds);
    return this.#worthwhile(Math.min(opening, numNodes), choice);
  }

  /** What is left of the text makes up for what it takes to begin. */
  #pays(speed: ExpectedSpeed): boolean {
    return this.#reading.pays(this.#prospect(speed));
  }

  #prospect(speed: ExpectedSpeed): Prospect {
    const extraTokens = this.#options.cost.sizeChange.tokensPerTry(speed.plainMs);
    return { ...speed, contextLength: this.#contextLength, extraTokens, numLeft: this.#numLeft };
  }

  /** While too little is known, what a mediocre drafter would bring, if that is more. */
  #likely(best: ExpectedSpeed): ExpectedSpeed {
    const hope = this.#speeds.hopeful();
    const isKnown = this.#numRounds >= hastyRounds || this.#lostInRounds >= hastyLoss;
    return isKnown || hope === undefined || hope.speedup < best.speedup ? best : hope;
  }

  /** Plain tokens; and a draft once in a while, lest what is wrongly believed of drafts or of reading be believed for ever. */
  #planUnread(best: ExpectedSpeed): RoundPlan {
    this.#reason = `what is left would not make up for reading the text: ${describedSpeed(best)}`;
    const expectedLoss = -this.#reading.balance(this.#prospect(best));
    const left = this.#probes.left({ ...this.#probeProspect(best), expectedLoss });
    if (left > 0 || this.#numLeft < unreadTokens) return plain(Math.min(Math.max(1, left), unreadTokens));
    this.#probe = this.#trialOf(best.numNodes);
    return drafting(best.numNodes);
  }

  /** So many draft tokens, less those that would bring less than their time. */
  #worthwhile(numNodes: number, { speedup }: ExpectedSpeed): RoundPlan {
    return { ...drafting(numNodes), minAcceptance: this.#speeds.breakEven(speedup) };
  }

  #planMeasurement({ plainMs }: ExpectedSpeed): RoundPlan {
    return this.#holdsSizes ? this.#measurement.start() : plain(measuredTokens(plainMs));
  }

  #isMeasurementDue({ ms }: ExpectedSpeed): boolean {
    if (!this.#rhythm.isDue()) return false;
    const patience = this.#options.cost.sizeChange.patience(ms, firstMeasurement);
    return patience === 1 || this.#roundsOfText >= firstMeasurement * patience;
  }

  /** What was seen so far may be bad luck, and to see more costs little. */
  #isHasty({ plainMs }: ExpectedSpeed): boolean {
    const lostTokens = this.#lostInRounds + this.#beginTokens(plainMs);
    return this.#numRounds < hastyRounds && lostTokens < hastyLoss;
  }

  /** Plain tokens that the time of a round would have brought, less its own. */
  #lossOf(record: RoundRecord): number {
    const { cost } = this.#options;
    const plainMs = cost.predict(0, this.#contextLength);
    return plainMs ? this.#usualMs(record) / plainMs - record.numAccepted - 1 : 0;
  }

  /** A drafter that was not asked for long has to catch up first, which does not come again. */
  #usualMs(record: RoundRecord): number {
    const { cost } = this.#options;
    const usualMs = cost.predictDrafted(numBatchNodes(record), this.#contextLength);
    return Math.min(record.roundMs, usualMs ?? Infinity);
  }

  /** A try that is due. */
  #nextTrial({ numNodes, ms }: ExpectedSpeed): Trial | undefined {
    const { cost, tokens, maxNodes } = this.#options;
    const patience = cost.sizeChange.patience(ms, exploreEvery);
    const size = this.#trials.next({ numNodes, maxNodes, reach: tokens.reach, patience });
    return size === undefined ? undefined : this.#trialOf(size);
  }

  #planOff(): RoundPlan {
    const best = this.#speeds.best();
    if (best === undefined) return plain(1);
    const { plainSinceOff } = this.#probes;
    if (plainSinceOff < tellingTokens) return plain(tellingTokens - plainSinceOff);
    if (this.#probe === undefined && best.speedup >= worthBeginning) {
      this.#switchOn();
      return this.#planOn();
    }
    const tried = best.speedup >= 1 ? best : (this.#speeds.hopeful() ?? best);
    const { numNodes } = tried;
    if (this.#probe === undefined) {
      const prospect = this.#probeProspect(this.#speeds.of(numNodes) ?? tried);
      const left = this.#probes.left(this.#speeds.couldPay() ? prospect : undefined);
      if (left > 0) return plain(left);
      this.#probe = this.#trialOf(numNodes);
    }
    return drafting(numNodes);
  }

  #probeProspect({ ms, plainMs, tokens }: ExpectedSpeed): ProbeProspect {
    const beginTokens = this.#beginTokens(plainMs);
    const usual = this.#speeds.usual();
    return {
      beginTokens,
      expectedLoss: Math.max(0, ms / plainMs - tokens) + beginTokens,
      changeTokens: this.#options.cost.sizeChange.tokensPerTry(plainMs),
      usuallyPays: usual !== undefined && usual.speedup >= worthBeginning && this.#pays(usual),
    };
  }

  /** What the first draft takes beyond those that follow, in plain tokens. */
  #beginTokens(plainMs: number): number {
    const readingTokens = this.#reading.tokens({ contextLength: this.#contextLength, plainMs });
    return readingTokens + this.#options.cost.sizeChange.tokensPerTry(plainMs);
  }

  #trialOf(numNodes: number): Trial {
    return new Trial(numNodes, this.#options.tokens.fresh());
  }

  #judgeTrial(record: RoundRecord): void {
    const trial = this.#trial!;
    trial.observe(record, this.#plannedNodes, this.#usualMs(record));
    if (trial.rounds < exploringRounds) return;
    const plainMs = this.#options.cost.predict(0, this.#contextLength) ?? 0;
    const held = this.#speeds.of(this.#heldNodes)?.speedup ?? 1;
    const isPaying = trial.tokens * plainMs >= trialPays * held * trial.worthMs;
    if (isPaying && trial.rounds < convincingTrial) return;
    if (isPaying) {
      this.#options.tokens.adopt(trial.seen);
      this.#heldNodes = trial.numNodes;
      this.#trials.settle();
    }
    this.#trial = undefined;
  }

  #judgeProbe(record: RoundRecord): void {
    const probe = this.#probe!;
    probe.observe(record, this.#plannedNodes, this.#usualMs(record));
    const plainMs = this.#options.cost.predict(0, this.#contextLength) ?? 0;
    const worthTokens = plainMs === 0 ? probe.tokens : probe.worthMs / plainMs;
    const isPaying = probe.tokens >= worthBeginning * worthTokens;
    const isConvincing = (this.#speeds.best()?.speedup ?? 0) >= worthBeginning;
    if (isConvincing && isPaying) {
      this.#switchOn();
      return;
    }
    const goesOn = isPaying || worthTokens - probe.tokens < probeLoss;
    if (goesOn && probe.rounds < convincingRounds) return;
    if (!isPaying) {
      this.#probes.fail(plainMs === 0 ? 0 : Math.max(0, probe.ms / plainMs - probe.tokens));
      this.#probe = undefined;
      return;
    }
    // What was seen before the change of subject is no longer what to go by.
    this.#options.tokens.adopt(probe.seen);
    this.#switchOn();
  }

  #switchOn(): void {
    this.#probe = undefined;
    this.#probes.switchOn();
    this.#isOff = false;
  }

  get #holdsSizes(): boolean {
    return this.#options.cost.holdsSizes(this.#contextLength);
  }

  /** What is expected at this length of the context. */
  get #speeds(): ExpectedSpeeds {
    return new ExpectedSpeeds(this.#options, this.#contextLength);
  }
}

const plain = (numPlainTokens: number): RoundPlan => ({ maxNodes: 0, isPlain: true, numPlainTokens });

const drafting = (maxNodes: number): RoundPlan => ({ maxNodes, stopsAtEnd: true, isPlain: false });
