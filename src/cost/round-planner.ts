// How many tokens the next round may draft. Knows nothing of drafters or verifiers.
import type { GuardReport, RoundRecord } from '../metrics/counters.js';
import type { DraftedNode } from './draft-selection.js';
import type { LookedBack } from './hindsight.js';
import { PlainMeasurement } from './plain-measurement.js';

/** The plan of one round. */
export interface RoundPlan {
  /** Upper bound on draft tokens; 0 decodes plainly. */
  readonly maxNodes: number;
  /** Nodes that the batch is filled up to behind those of the draft, so that it has the size of the ones before; default none. */
  readonly numBatchNodes?: number | undefined;
  /** Draft tokens whose whole path is less likely to be accepted cost more than they bring, default 0. */
  readonly minAcceptance?: number | undefined;
  /** Leaves away what would follow a token that ends the text, default false. */
  readonly stopsAtEnd?: boolean | undefined;
  /** True when the planner chose to leave out the draft. */
  readonly isPlain: boolean;
  /** Plain tokens in a row before the planner is asked again, at least 1, the default; for plans without a draft. */
  readonly numPlainTokens?: number | undefined;
  /** Nothing is decoded: the drafter looks back over so many plain tokens, and the planner is told what came of it. */
  readonly looksBack?: number | undefined;
  /** True for plain tokens that batches of another size before them slow down: they measure nothing. */
  readonly isSettling?: boolean | undefined;
  /** Says how much of the draft is decoded; undefined: all. For drafts that nothing was drawn for. */
  readonly selector?: DraftSelector | undefined;
}

/** So many plain tokens, chosen by the planner. */
export const plainly = (numPlainTokens: number): RoundPlan => ({
  maxNodes: 0,
  isPlain: true,
  numPlainTokens,
});

/** So many draft tokens at most, none behind the text's end. */
export const drafting = (maxNodes: number): RoundPlan => ({ maxNodes, stopsAtEnd: true, isPlain: false });

/** Decides over a draft before it is decoded, and learns what came of it. */
export interface DraftSelector {
  /** @returns how many of the first nodes are decoded, in [0, numNodes] */
  select(nodes: readonly DraftedNode[]): number;
  /** Of a node whose parent was accepted, decoded or not. */
  learn(node: DraftedNode, isAccepted: boolean): void;
}

/** Decides round by round; told what each brought. */
export interface RoundPlanner {
  /**
   * @param contextLength  tokens before the round
   * @param numLeft        tokens that are still to be output, default as many as there may be
   */
  plan(contextLength: number, numLeft?: number): RoundPlan;
  observe(record: RoundRecord): void;
  /** Told what came of a look back that it planned. */
  lookedBack?(look: LookedBack): void;
  readonly report: GuardReport;
  /** True when the first round of a generation will not draft, so that the drafter begins later. */
  readonly startsPlain: boolean;
}

/**
 * Rounds n, 3 n, 7 n, 15 n, ... measure plain decoding: the distance doubles, so that a long generation pays next to
 * nothing.
 */
export class MeasuringRhythm {
  readonly #first: number;
  #round = 0;
  #next: number;

  /** @param first  the first round that measures, default 4 */
  constructor(first = 4) {
    this.#first = first;
    this.#next = first;
  }

  /** Counts a round; true when it is one to measure by. */
  isDue(): boolean {
    const isDue = this.#round === this.#next;
    if (isDue) this.#next = 2 * this.#next + this.#first;
    this.#round += 1;
    return isDue;
  }
}

/** Plain tokens that are measured at a time, and how long: the first ones of a small model take longer for some milliseconds. */
const measured = { least: 3, most: 16, ms: 4 } as const;

/** Plain tokens to measure by at a time, each of so many milliseconds. */
export function measuredTokens(plainMs: number): number {
  const { least, most, ms } = measured;
  return Math.min(most, Math.max(least, Math.ceil(ms / plainMs)));
}

/** Tokens that a {@link PlainPlanner} has decoded in one call. */
const plainTokens = 16;

/** Decodes plainly: what there is to do without a drafter. */
export class PlainPlanner implements RoundPlanner {
  readonly startsPlain = true;
  readonly report: GuardReport = { state: 'plain', reason: '' };

  plan(): RoundPlan {
    return plainly(plainTokens);
  }

  observe(): void {
    // There is nothing to decide.
  }
}

/** The first measurement of a text where the first batches of another size are slow. */
const lateMeasurement = 8;

/** The same number of draft tokens each round; plain ones between when it measures. */
export class FixedPlanner implements RoundPlanner {
  readonly startsPlain = false;
  readonly #numNodes: number;
  readonly #rhythm: MeasuringRhythm | undefined;
  readonly #measurement: PlainMeasurement | undefined;

  /** @param settles  the first batches of another size are slow, as on a GPU: measures later, and after those */
  constructor(numNodes: number, isMeasuring: boolean, settles = false) {
    this.#numNodes = numNodes;
    const rhythm = new MeasuringRhythm(settles ? lateMeasurement : undefined);
    this.#rhythm = isMeasuring && numNodes > 0 ? rhythm : undefined;
    this.#measurement = settles ? new PlainMeasurement() : undefined;
  }

  plan(): RoundPlan {
    const underWay = this.#measurement?.plan();
    if (underWay !== undefined) return underWay;
    if (this.#rhythm?.isDue() !== true) return { maxNodes: this.#numNodes, isPlain: false };
    return this.#measurement?.start() ?? { maxNodes: 0, isPlain: true };
  }

  observe({ isPlain }: Pick<RoundRecord, 'isPlain'>): void {
    if (isPlain) this.#measurement?.observe();
  }

  get report(): GuardReport {
    return { state: this.#rhythm === undefined ? 'off' : 'measuring', reason: '' };
  }
}
