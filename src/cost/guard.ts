// The guard: speculates where it pays, and decides how much. Knows nothing of drafters, verifiers or models.
import type { GuardReport, RoundRecord } from '../metrics/counters.js';
import type { ExpectedTokens } from './expected-tokens.js';
import type { RoundCost } from './round-cost.js';
import { MeasuringRhythm, type RoundPlan, type RoundPlanner } from './round-planner.js';

/** Speculation has to be so many times as fast as plain decoding before it is begun. */
const worthBeginning = 1.03;
/** Plain tokens that tell what plain decoding takes by now: speculation that was off by what it took before is on again. */
const tellingTokens = 8;
/** Another size has to be so many times as fast as the one before: a change costs a graph. */
const worthChanging = 1.05;
/** Share of the time that probes may cost while speculation is off. */
const probeShare = 0.008;
const firstProbeDistance = 16;
/** Early in every so many generations a probe is made at any rate; twice as many after each that brings nothing. */
const maxGenerationDistance = 16;
const maxProbeDistance = 2048;
/** Plain tokens between probes where even a draft that is accepted whole would not pay: only a mistake in costs could make one. */
const hopelessDistance = 32_768;
/** Share of the time that early probes may cost; they are worth more than others, for a new text may be of another kind. */
const earlyShare = 0.02;
/** What is known of costs may be so many times too much, once measured in a bad moment. */
const costDoubt = 1.25;
/** Rounds of a probe that pay before speculation is on again. */
const convincingRounds = 3;
/** Rounds that speculation is believed in before it is measured. */
const firstRounds = 2;
/** Draft tokens of the first rounds at most: what is not known yet is tried small. */
const firstNodes = 3;
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
/**
 * Once in so many speculative rounds, and early at first, another size than the best one is tried, lest a wrong guess be
 * believed for ever; for as many rounds as it takes until what it costs is seen.
 */
const exploreEvery = 24;
const firstExploration = 6;
const exploringRounds = 3;
/**
 * A try that brings so many times as much goes on, and is believed in after so many rounds: where drafts end may decide what
 * the next ones are worth, which no rounds of another size tell.
 */
const trialPays = 1.1;
const convincingTrial = 10;
/** Of so many tries one is of a smaller size. */
const smallerEvery = 4;
/** Speculative rounds of a generation before one is plain to measure by: the first token was plain already. */
const firstMeasurement = 32;

/** Options of a {@link GuardPlanner}. */
export interface GuardOptions {
  readonly cost: RoundCost;
  readonly tokens: ExpectedTokens;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /** True mixes in plain rounds while speculating, too, to measure the speedup. */
  readonly isMeasuring: boolean;
}

/**
 * Expected tokens over predicted time decides each round: off, or the number of draft tokens that is best. Switched off,
 * it decodes plainly and probes now and then; what probes cost stays below a percent of the time.
 */
export class GuardPlanner implements RoundPlanner {
  readonly #options: GuardOptions;
  #rhythm = new MeasuringRhythm(firstMeasurement);
  #isOff = false;
  #isFirst = true;
  #numRounds = 0;
  /** What the rounds of speculation have lost against plain decoding, in plain tokens. */
  #lostInRounds = 0;
  #contextLength = 0;
  #plannedNodes = 0;
  /** The size of the rounds before, explorations left out. */
  #heldNodes = 0;
  #probe: Trial | undefined;
  /** Of another size than the best one. */
  #trial: Trial | undefined;
  #probeDistance = firstProbeDistance;
  #plainSinceProbe = 0;
  #plainSinceBegin = 0;
  #plainSinceOff = 0;
  /** Generations from one early probe to the next, and until then. */
  #generationDistance = 1;
  #generationsToProbe = 1;
  /** What the last probe that brought nothing cost, in plain tokens. */
  #lostTokens = 0;
  #reason = '';

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** A generation begins: what was learnt stays, but a change of subject is likely, and worth an early probe. */
  begin(): void {
    this.#probe = this.#trial = undefined;
    this.#isFirst = true;
    this.#rhythm = new MeasuringRhythm(firstMeasurement);
    if (this.#isOff) this.#generationsToProbe -= 1;
    this.#plainSinceBegin = 0;
  }

  /** The first token comes as soon as it does plainly, and says what plain decoding takes at this length. */
  readonly startsPlain = true;

  get report(): GuardReport {
    return { state: this.#isOff ? 'plain' : 'speculating', reason: this.#reason };
  }

  plan(contextLength: number): RoundPlan {
    this.#contextLength = contextLength;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const plan = this.#isOff ? this.#planOff() : isFirst ? plain(1) : this.#planOn();
    this.#plannedNodes = plan.maxNodes;
    return plan;
  }

  observe(record: RoundRecord): void {
    const { cost, tokens } = this.#options;
    cost.observe(record, this.#contextLength);
    this.#contextLength += record.numAccepted + 1;
    if (this.#plannedNodes === 0) {
      this.#plainSinceProbe += 1;
      this.#plainSinceBegin += 1;
      this.#plainSinceOff += 1;
      return;
    }
    this.#numRounds += 1;
    this.#lostInRounds += this.#lossOf(record);
    // A drafter that has nothing to propose costs nothing.
    if (record.numDraftTokens === 0 && this.#probe === undefined) return;
    tokens.observe(this.#plannedNodes, record.acceptedNodes);
    if (this.#probe !== undefined) this.#judgeProbe(record);
    else if (this.#trial !== undefined) this.#judgeTrial(record);
  }

  #planOn(): RoundPlan {
    const best = this.#best();
    if (best === undefined && this.#numRounds < firstRounds) {
      this.#reason = 'nothing is known yet';
      return drafting(Math.min(firstNodes, this.#options.maxNodes));
    }
    if (best === undefined) return plain(1);
    if (this.#options.isMeasuring && this.#rhythm.isDue()) return plain(1);
    if (best.speedup < 1) {
      const hope = this.#hopeful();
      if (hope !== undefined && this.#isHasty && hope.speedup >= worthTrying) {
        this.#reason = `too little is known: ${described(best)}`;
        return drafting(hope.numNodes);
      }
      this.#isOff = true;
      this.#plainSinceOff = 0;
      this.#trial = undefined;
      this.#reason = `off: ${described(best)}`;
      return this.#planOff();
    }
    const held = this.#candidate(this.#heldNodes);
    const choice = held !== undefined && best.promise < worthChanging * held.speedup ? held : best;
    this.#heldNodes = choice.numNodes;
    this.#reason = described(choice);
    const sinceTry = this.#numRounds - firstExploration;
    if (this.#trial === undefined && sinceTry >= 0 && sinceTry % exploreEvery === 0)
      this.#trial = this.#trialOf(this.#neighbour(choice, sinceTry / exploreEvery));
    return drafting(this.#trial?.numNodes ?? choice.numNodes);
  }

  /** What was seen so far may be bad luck. */
  get #isHasty(): boolean {
    return this.#numRounds < hastyRounds && this.#lostInRounds < hastyLoss;
  }

  /** The best size for a mediocre drafter, a small one: what is tried where little is known, or nothing good. */
  #hopeful(): Best | undefined {
    return this.#bestUpTo(
      Math.min(firstNodes, this.#options.maxNodes),
      this.#options.tokens.fresh().accepted(),
    );
  }

  /** Plain tokens that the time of a round would have brought, less its own. */
  #lossOf(record: RoundRecord): number {
    const { cost } = this.#options;
    const plainMs = cost.predict(0, this.#contextLength);
    return plainMs ? this.#usualMs(record) / plainMs - record.numAccepted - 1 : 0;
  }

  /** A drafter that was not asked for long has to catch up first, which does not come again. */
  #usualMs({ roundMs }: RoundRecord): number {
    return Math.min(roundMs, this.#options.cost.predict(this.#plannedNodes, this.#contextLength) ?? Infinity);
  }

  /** Another size to try, a larger one mostly. */
  #neighbour({ numNodes }: Best, numTries: number): number {
    const isLarger = numTries % smallerEvery < smallerEvery - 1 || numNodes === 1;
    const wanted = isLarger ? Math.max(numNodes + 1, Math.round(1.5 * numNodes)) : Math.ceil(numNodes / 2);
    const most = Math.max(firstNodes, this.#options.tokens.reach);
    return Math.min(wanted, most, this.#options.maxNodes);
  }

  #planOff(): RoundPlan {
    const best = this.#best();
    if (best === undefined) return plain(1);
    if (this.#plainSinceOff < tellingTokens) return plain(tellingTokens - this.#plainSinceOff);
    if (this.#probe === undefined && best.speedup >= worthBeginning) {
      this.#switchOn();
      return this.#planOn();
    }
    const tried = best.speedup >= 1 ? best : (this.#hopeful() ?? best);
    const { numNodes } = tried;
    if (this.#probe === undefined) {
      const distance = this.#distanceOf(this.#candidate(numNodes) ?? tried);
      const left = this.#couldPay()
        ? Math.min(distance - this.#plainSinceProbe, this.#leftToEarlyProbe())
        : hopelessDistance - this.#plainSinceProbe;
      if (left > 0) return plain(left);
      this.#probe = this.#trialOf(numNodes);
    }
    return drafting(numNodes);
  }

  /** Plain tokens between probes, so that a probe that brings nothing costs next to nothing. */
  #distanceOf({ ms, plainMs, tokens }: Best): number {
    const expectedLoss = Math.max(0, ms / plainMs - tokens);
    // A loss that was only computed may be a mistake; one that was suffered is not.
    const distance = Math.min(maxProbeDistance, Math.ceil(expectedLoss / probeShare));
    return Math.max(this.#probeDistance, distance, Math.ceil(this.#lostTokens / probeShare));
  }

  /** Plain tokens before an early probe, where one is due in this generation and worth what the last one cost. */
  #leftToEarlyProbe(): number {
    if (this.#generationsToProbe > 0) return Infinity;
    return Math.max(
      firstProbeDistance - this.#plainSinceBegin,
      Math.ceil(this.#lostTokens / earlyShare) - this.#plainSinceProbe,
    );
  }

  /** False where a round takes far longer than the plain decoding of its tokens even if all of them are accepted. */
  #couldPay(): boolean {
    const { cost, maxNodes } = this.#options;
    const plainMs = cost.predict(0, this.#contextLength);
    if (!plainMs) return true;
    for (let numNodes = 1; numNodes <= maxNodes; numNodes++) {
      const ms = cost.predict(numNodes, this.#contextLength);
      if (!ms || costDoubt * (numNodes + 1) * plainMs >= worthBeginning * ms) return true;
    }
    return false;
  }

  #trialOf(numNodes: number): Trial {
    return { numNodes, rounds: 0, tokens: 0, ms: 0, worthMs: 0, seen: this.#options.tokens.fresh() };
  }

  #note(trial: Trial, record: RoundRecord): void {
    trial.seen.observe(this.#plannedNodes, record.acceptedNodes);
    trial.rounds += 1;
    trial.tokens += record.numAccepted + 1;
    // What it takes to catch up is charged to the trial, but not held against what it found.
    trial.ms += record.roundMs;
    trial.worthMs += this.#usualMs(record);
  }

  #judgeTrial(record: RoundRecord): void {
    const trial = this.#trial!;
    this.#note(trial, record);
    if (trial.rounds < exploringRounds) return;
    const plainMs = this.#options.cost.predict(0, this.#contextLength) ?? 0;
    const held = this.#candidate(this.#heldNodes)?.speedup ?? 1;
    const isPaying = trial.tokens * plainMs >= trialPays * held * trial.worthMs;
    if (isPaying && trial.rounds < convincingTrial) return;
    if (isPaying) {
      this.#options.tokens.adopt(trial.seen);
      this.#heldNodes = trial.numNodes;
    }
    this.#trial = undefined;
  }

  #judgeProbe(record: RoundRecord): void {
    const probe = this.#probe!;
    this.#note(probe, record);
    const plainMs = this.#options.cost.predict(0, this.#contextLength) ?? 0;
    const worthTokens = plainMs === 0 ? probe.tokens : probe.worthMs / plainMs;
    const isPaying = probe.tokens >= worthBeginning * worthTokens;
    const isConvincing = (this.#best()?.speedup ?? 0) >= worthBeginning;
    if (isConvincing && isPaying) {
      this.#switchOn();
      return;
    }
    if (
      isPaying
        ? probe.rounds < convincingRounds
        : worthTokens - probe.tokens < probeLoss && probe.rounds < convincingRounds
    )
      return;
    if (!isPaying) {
      this.#lostTokens = plainMs === 0 ? 0 : Math.max(0, probe.ms / plainMs - probe.tokens);
      if (this.#generationsToProbe <= 0) {
        this.#generationDistance = Math.min(maxGenerationDistance, 2 * this.#generationDistance);
        this.#generationsToProbe = this.#generationDistance;
      }
      this.#probe = undefined;
      this.#plainSinceProbe = 0;
      this.#probeDistance = Math.min(maxProbeDistance, 2 * this.#probeDistance);
      return;
    }
    // What was seen before the change of subject is no longer what to go by.
    this.#options.tokens.adopt(probe.seen);
    this.#switchOn();
  }

  #switchOn(): void {
    this.#probe = undefined;
    this.#probeDistance = firstProbeDistance;
    this.#plainSinceProbe = 0;
    this.#lostTokens = 0;
    this.#generationDistance = 1;
    this.#generationsToProbe = 1;
    this.#isOff = false;
  }

  /**
   * The number of draft tokens with the most expected tokens for the time; undefined while too little is known. Where that is
   * far beyond those that were tried, it is gone towards step by step, if the steps pay.
   */
  #best(): Best | undefined {
    const { tokens, maxNodes } = this.#options;
    const far = this.#bestUpTo(maxNodes);
    const reach = Math.max(firstNodes, tokens.reach);
    if (far === undefined || far.numNodes <= reach) return far;
    const [step, near] = [this.#candidate(reach), this.#bestUpTo(reach)];
    if (step !== undefined && step.speedup >= worthBeginning) return { ...step, promise: far.promise };
    return near !== undefined && near.speedup >= worthBeginning ? near : far;
  }

  #bestUpTo(most: number, accepted = this.#options.tokens.accepted()): Best | undefined {
    let best: Best | undefined;
    for (let numNodes = 1; numNodes <= most; numNodes++) {
      const candidate = this.#candidate(numNodes, accepted);
      if (candidate !== undefined && candidate.speedup > (best?.speedup ?? 0)) best = candidate;
    }
    return best;
  }

  /** What is expected of so many draft tokens. */
  #candidate(numNodes: number, accepted = this.#options.tokens.accepted()): Best | undefined {
    if (numNodes === 0) return undefined;
    const { cost } = this.#options;
    const plainMs = cost.predict(0, this.#contextLength);
    const ms = cost.predict(numNodes, this.#contextLength);
    if (!plainMs || !ms) return undefined;
    const expected = accepted[numNodes]! + 1;
    const speedup = (expected * plainMs) / ms;
    return { numNodes, speedup, promise: speedup, ms, plainMs, tokens: expected };
  }
}

/** Rounds in a row that try whether speculation pays again, or another size more. */
interface Trial {
  readonly numNodes: number;
  rounds: number;
  tokens: number;
  ms: number;
  /** Milliseconds that such rounds take when they follow each other. */
  worthMs: number;
  /** What they alone say of acceptance. */
  readonly seen: ExpectedTokens;
}

/** A number of draft tokens and what is expected of it. */
interface Best {
  readonly numNodes: number;
  readonly speedup: number;
  /** The speedup of what it is a step to. */
  readonly promise: number;
  readonly ms: number;
  readonly plainMs: number;
  readonly tokens: number;
}

const plain = (numPlainTokens: number): RoundPlan => ({ maxNodes: 0, isPlain: true, numPlainTokens });

const drafting = (maxNodes: number): RoundPlan => ({ maxNodes, isPlain: false });

function described({ numNodes, speedup, ms, plainMs, tokens }: Best): string {
  return (
    `${numNodes} draft tokens are expected to bring ${tokens.toFixed(2)} tokens in ${ms.toFixed(1)} ms, plain decoding ` +
    `takes ${plainMs.toFixed(1)} ms for one: ${speedup.toFixed(2)} times as fast`
  );
}
