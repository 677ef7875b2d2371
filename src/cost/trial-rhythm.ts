// When another number of draft tokens than the best one is tried, and which. Knows nothing of what comes of it.
import type { RoundRecord } from '../metrics/counters.js';
import { firstNodes } from './expected-speed.js';

/**
 * Once in so many speculative rounds, and early at first, another size than the best one is tried, lest a wrong guess be
 * believed for ever.
 */
export const exploreEvery = 24;
const firstExploration = 6;
/**
 * Rounds in a row that were accepted whole, after which a larger size is tried: none of them tells what more would bring. Twice
 * as many after each such try, until another size is held.
 */
const wholeRounds = 4;
/** Sizes of the tries one after the other, in sizes held. */
const tryRatios = [1.5, 2.5, 0.5, 1.5] as const;

/** What a try is chosen by. */
export interface TrialChoice {
  /** Draft tokens of the rounds as they are. */
  readonly numNodes: number;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /** Draft tokens up to which acceptance is known. */
  readonly reach: number;
  /** Tries are so many times as far apart as they are where a change of size costs nothing. */
  readonly patience: number;
}

/** Rounds that are due to try another size. */
export class TrialRhythm {
  #numRounds = 0;
  /** Rounds of the size held that were accepted whole, in a row. */
  #numWhole = 0;
  #wholeToTry = wholeRounds;

  /** Counts a round that was to draft. */
  count(): void {
    this.#numRounds += 1;
  }

  /** Takes what became of a draft of a round that was to have so many tokens. */
  observe({ numAccepted, numDraftTokens }: RoundRecord, plannedNodes: number): void {
    // One that ended before, and was right as far as it went, says nothing of more.
    if (numAccepted < numDraftTokens) this.#numWhole = 0;
    else if (numAccepted === plannedNodes) this.#numWhole += 1;
  }

  /** Another size is held from now on. */
  settle(): void {
    this.#wholeToTry = wholeRounds;
  }

  /** The size of a try that is due. */
  next(choice: TrialChoice): number | undefined {
    if (this.#numWhole >= choice.patience * this.#wholeToTry) {
      this.#numWhole = 0;
      this.#wholeToTry *= 2;
      return neighbour(choice, 0);
    }
    const sinceTry = this.#numRounds - Math.round(choice.patience * firstExploration);
    const distance = Math.round(choice.patience * exploreEvery);
    if (sinceTry < 0 || sinceTry % distance > 0) return undefined;
    return neighbour(choice, sinceTry / distance);
  }
}

/** Another size to try, a larger one mostly. */
function neighbour({ numNodes, maxNodes, reach }: TrialChoice, numTries: number): number {
  const ratio = tryRatios[numTries % tryRatios.length]!;
  if (ratio < 1 && numNodes > 1) return Math.ceil(ratio * numNodes);
  const wanted = Math.max(numNodes + 1, Math.round(ratio * numNodes));
  return Math.min(wanted, Math.max(2 * firstNodes, reach), maxNodes);
}
