// The guard: speculates where it pays, and decides how much. Knows nothing of drafters, verifiers or models.
import { numBatchNodes, type GuardReport, type RoundRecord } from '../metrics/counters.js';
import { BeginCost, type Prospect } from './begin-cost.js';
import {
  describedSpeed,
  ExpectedSpeeds,
  firstNodes,
  worthBeginning,
  type ExpectedSpeed,
} from './expected-speed.js';
import { FirstRounds } from './first-rounds.js';
import type { GuardOptions } from './guard-options.js';
import { Hindsight, type LookedBack } from './hindsight.js';
import { PlainMeasurement } from './plain-measurement.js';
import { ProbeRhythm, type ProbeProspect } from './probe-rhythm.js';
import {
  drafting,
  measuredTokens,
  MeasuringRhythm,
  plainly,
  type RoundPlan,
  type RoundPlanner,
} from './round-planner.js';
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

/**
 * Expected tokens over predicted time decides each round: off, or the number of draft tokens that is best. Switched off, it
 * decodes plainly, has the drafter look back where that takes next to no time, and probes now and then, for a percent or two.
 */
export class GuardPlanner implements RoundPlanner {
  readonly #options: GuardOptions;
  #rhythm = new MeasuringRhythm(firstMeasurement);
  readonly #measurement = new PlainMeasurement();
  #isOff = false;
  #isFirst = true;
  readonly #firstRounds = new FirstRounds();
  /** In this generation. */
  #roundsOfText = 0;
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
  readonly #hindsight: Hindsight;
  #reason = '';

  constructor(options: GuardOptions) {
    this.#options = options;
    const { tokens, maxNodes, readMsPerToken, canLookBack = false } = options;
    this.#reading = new BeginCost(readMsPerToken);
    this.#hindsight = new Hindsight(tokens.fresh(), maxNodes, canLookBack ? readMsPerToken : undefined);
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
    this.#hindsight.begin();
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
    const next = (): RoundPlan => (this.#isOff ? this.#planOff() : this.#planOn());
    const wanted = isFirst ? this.#planFirst() : (this.#measurement.plan() ?? next());
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
      this.#hindsight.count();
      return;
    }
    const lostTokens = this.#lossOf(record);
    this.#firstRounds.observe(lostTokens);
    this.#hindsight.drafted(-lostTokens);
    this.#trials.count();
    this.#roundsOfText += 1;
    // A drafter that has nothing to propose costs nothing, but for one that has looked whether it is worth its time.
    const hasLooked = this.#options.isSelective ?? false;
    if (record.numDraftTokens === 0 && this.#probe === undefined && !hasLooked) return;
    tokens.observe(this.#plannedNodes, record.acceptedNodes, record.numDraftTokens);
    this.#trials.observe(record, this.#plannedNodes);
    if (this.#probe !== undefined) this.#judgeProbe(record);
    else if (this.#trial !== undefined) this.#judgeTrial(record);
  }

  lookedBack(look: LookedBack): void {
    const isBeginning = !this.#reading.hasBegun;
    if (look.ms > 0) this.#reading.drafted(look.ms, this.#contextLength);
    this.#hindsight.observe(look, this.#options.cost.predict(0, this.#contextLength), isBeginning);
  }

  /** Where sizes are held, the first plain tokens after drafts are decoded by themselves: what they take says little. */
  #settled(plan: RoundPlan, isFirst: boolean): RoundPlan {
    if (plan.maxNodes > 0 || this.#plannedNodes === 0 || !this.#holdsSizes) return plan;
    // Of a text one token is enough: its drafts come next.
    if (isFirst) return { ...plan, isSettling: true };
    return plan.isSettling === true ? plan : this.#measurement.settle();
  }

  /** One token, or as many as tell what plain ones take, where no answer before has told it. */
  #planFirst(): RoundPlan {
    const { isMeasuring, pace } = this.#options;
    if (!isMeasuring || (pace?.near(this.#contextLength).length ?? 0) > 0) return plainly(1);
    return this.#holdsSizes ? this.#measurement.start() : this.#measurement.start(1, openingTokens);
  }

  #planOn(): RoundPlan {
    if (this.#options.cost.guessesPlain) return this.#measurement.start();
    const best = this.#speeds.best();
    if (best === undefined && this.#firstRounds.isUnknown) {
      this.#reason = 'nothing is known yet';
      return drafting(Math.min(firstNodes, this.#options.maxNodes));
    }
    if (best === undefined) return plainly(1);
    if (this.#options.isMeasuring && this.#trial === undefined && this.#isMeasurementDue(best))
      return this.#holdsSizes ? this.#measurement.start() : plainly(measuredTokens(best.plainMs));
    if (best.speedup < 1) {
      const hope = this.#speeds.hopeful();
      const isHasty = this.#firstRounds.isHasty(this.#beginTokens(best.plainMs));
      if (hope !== undefined && isHasty && hope.speedup >= worthTrying) {
        this.#reason = `too little is known: ${describedSpeed(best)}`;
        return drafting(hope.numNodes);
      }
      this.#switchOff();
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
    return !this.#firstRounds.isHasty() || hope === undefined || hope.speedup < best.speedup ? best : hope;
  }

  /** Plain tokens; and a draft once in a while, lest what is wrongly believed of drafts or of reading be believed for ever. */
  #planUnread(best: ExpectedSpeed): RoundPlan {
    this.#reason = `what is left would not make up for reading the text: ${describedSpeed(best)}`;
    const expectedLoss = -this.#reading.balance(this.#prospect(best));
    const left = this.#probes.left({ ...this.#probeProspect(best), expectedLoss });
    if (left > 0 || this.#numLeft < unreadTokens) return plainly(Math.min(Math.max(1, left), unreadTokens));
    this.#probe = this.#trialOf(best.numNodes);
    return drafting(best.numNodes);
  }

  /** So many draft tokens, less those that would bring less than their time. */
  #worthwhile(numNodes: number, { speedup }: ExpectedSpeed): RoundPlan {
    return { ...drafting(numNodes), minAcceptance: this.#speeds.breakEven(speedup) };
  }

  #isMeasurementDue({ ms }: ExpectedSpeed): boolean {
    if (!this.#rhythm.isDue()) return false;
    const patience = this.#options.cost.sizeChange.patience(ms, firstMeasurement);
    return patience === 1 || this.#roundsOfText >= firstMeasurement * patience;
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
    if (best === undefined) return plainly(1);
    const { plainSinceOff } = this.#probes;
    if (plainSinceOff < tellingTokens) return plainly(tellingTokens - plainSinceOff);
    if (this.#probe === undefined && best.speedup >= worthBeginning) {
      this.#switchOn();
      return this.#planOn();
    }
    const tried = best.speedup >= 1 ? best : (this.#speeds.hopeful() ?? best);
    const { numNodes } = tried;
    if (this.#probe === undefined) {
      const couldPay = this.#speeds.couldPay();
      if (couldPay && this.#isSeenToPay(best)) return this.#planOn();
      const leftToLook = couldPay ? this.#leftToLook(best) : Infinity;
      if (leftToLook === 0) return { maxNodes: 0, isPlain: true, looksBack: this.#hindsight.numTokens };
      const prospect = this.#probeProspect(this.#speeds.of(numNodes) ?? tried);
      const left = this.#probes.left(couldPay ? prospect : undefined);
      if (left > 0) return plainly(Math.min(left, leftToLook));
      this.#probe = this.#trialOf(numNodes);
    }
    return drafting(numNodes);
  }

  /** Switches on where drafts along what was decoded plainly would have paid. */
  #isSeenToPay({ plainMs }: ExpectedSpeed): boolean {
    if (!this.#hindsight.mayTrust(this.#options.cost.threadShare)) return false;
    const seen = this.#hindsight.convincing((numNodes) => {
      const ms = this.#options.cost.predictDrafted(numNodes, this.#contextLength);
      return ms && ms / plainMs;
    });
    if (seen === undefined) return false;
    this.#options.tokens.adopt(seen);
    this.#hindsight.trust();
    this.#switchOn();
    return true;
  }

  #leftToLook({ plainMs }: ExpectedSpeed): number {
    if (this.#numLeft < unreadTokens) return Infinity;
    const beginTokens = this.#reading.tokens({ contextLength: this.#contextLength, plainMs });
    return this.#hindsight.left({ plainMs, beginTokens });
  }

  #probeProspect({ ms, plainMs, tokens }: ExpectedSpeed): ProbeProspect {
    const beginTokens = this.#beginTokens(plainMs);
    const usual = this.#speeds.usual();
    return {
      beginTokens,
      expectedLoss: Math.max(0, ms / plainMs - tokens) + beginTokens,
      changeTokens: this.#options.cost.sizeChange.tokensPerTry(plainMs),
      usuallyPays: usual !== undefined && usual.speedup >= worthBeginning && this.#pays(usual),
      isWatched: this.#hindsight.isWatching(plainMs),
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
    const isPaying = trial.pays(plainMs, trialPays * held);
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
    const isPaying = probe.pays(plainMs, worthBeginning);
    const isConvincing = (this.#speeds.best()?.speedup ?? 0) >= worthBeginning;
    const isEarly = probe.rounds < convincingRounds;
    if (!isPaying) {
      if (isEarly && probe.lostTokens(plainMs, probe.worthMs) < probeLoss) return;
      this.#probes.fail(probe.lostTokens(plainMs));
      this.#probe = undefined;
      return;
    }
    if (isEarly && !isConvincing) return;
    // What was seen before the change of subject is no longer what to go by.
    if (!isConvincing) this.#options.tokens.adopt(probe.seen);
    this.#switchOn();
  }

  #switchOff(): void {
    this.#isOff = true;
    this.#probes.switchOff();
    this.#hindsight.settle(this.#options.cost.threadShare);
    this.#trial = this.#probe = undefined;
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
