// What drafts would have brought where none were made. Knows nothing of drafters or of what is made of it.
import type { ExpectedTokens } from './expected-tokens.js';

/** Share of the time that looking back may take, and for the first look at a text, which the drafter has to read for it. */
const lookShare = 0.015;
const firstShare = 0.02;
/** Plain tokens from one look to the next. */
const [leastTokens, mostTokens] = [8, 64] as const;
/** What a look takes, at a guess, over what reading its tokens does. */
const lookOverReading = 1.5;
/**
 * Tokens that are judged by, the last ones, and how many times as fast drafts have to have been over these: a text that has become
 * of another kind shows in few tokens, which may be lucky ones.
 */
const windows = [
  { numTokens: 16, enough: 1.25 },
  { numTokens: 32, enough: 1.08 },
] as const;
/** Rounds may have begun at each of so many tokens. */
const numStarts = 3;
/** Looks in a row of which the quickest tells what they take: whatever else the machine does only adds to it. */
const toldLooks = 4;
/** Share of the time that may be lost by believing in what was seen. */
const lossShare = 0.02;

/** What came of a look back. */
export interface LookedBack {
  /** Of each token that was looked at: it would have been accepted as the first node of a draft; undefined: nobody can tell. */
  readonly accepted: readonly boolean[] | undefined;
  /** 0 where nothing was read. */
  readonly ms: number;
}

/** When a look is due. */
export interface LookProspect {
  /** Milliseconds of a plain token. */
  readonly plainMs: number;
  /** Plain tokens that it takes the drafter to read what came before; 0 where it has. */
  readonly beginTokens: number;
}

/**
 * A drafter that is far smaller than the target reads what was decoded plainly in next to no time, and what it would have
 * drafted there tells as much of acceptance as drafts do, without the batches that these cost.
 */
export class Hindsight {
  /** Of the last tokens of this text since speculation was last on. */
  #accepted: readonly boolean[] = [];
  /** Plain tokens that were not looked at. */
  #numUnread = 0;
  #distance: number = leastTokens;
  readonly #isAble: boolean;
  #canTell: boolean;
  /** At this text. */
  #hasLooked = false;
  readonly #fresh: ExpectedTokens;
  readonly #maxNodes: number;
  readonly #readMs: number;
  /** Of the last looks: what a token of theirs took, in plain tokens. */
  #shares: number[] = [];
  /** Plain tokens won since speculation was believed in for what was seen; undefined where it was not. */
  #won: number | undefined;
  /** What was lost so, under which circumstances, and the plain tokens since. */
  #lost = { tokens: 0, under: 0, since: 0 };

  /**
   * @param fresh           that has seen nothing
   * @param maxNodes        draft tokens of a round at most
   * @param readMsPerToken  what the drafter takes to read a token, measured before; undefined: it cannot tell what it would have drafted
   */
  constructor(fresh: ExpectedTokens, maxNodes: number, readMsPerToken: number | undefined) {
    this.#fresh = fresh;
    this.#maxNodes = maxNodes;
    this.#isAble = this.#canTell = readMsPerToken !== undefined;
    this.#readMs = lookOverReading * (readMsPerToken ?? 0);
  }

  /** A text begins. */
  begin(): void {
    this.#won = undefined;
    this.#hasLooked = false;
    this.#canTell = this.#isAble;
    // What takes too long is tried again once a text.
    this.#shares = this.#shares.slice(1 - toldLooks);
    this.#forget();
  }

  /** Counts a plain token. */
  count(): void {
    this.#numUnread += 1;
    this.#lost.since += 1;
  }

  /** A round has drafted, and won so many plain tokens. */
  drafted(wonTokens: number): void {
    this.#forget();
    if (this.#won !== undefined) this.#won += wonTokens;
  }

  /** What was seen is believed in. */
  trust(): void {
    this.#won = 0;
  }

  /** Speculation is off. @param circumstances  that costs depend on */
  settle(circumstances: number): void {
    if (this.#won === undefined) return;
    this.#lost = { tokens: Math.max(0, -this.#won), under: circumstances, since: 0 };
    this.#won = undefined;
    this.#accepted = [];
  }

  /** False for a while after speculation was believed in for what was seen, and lost, unless circumstances have changed. */
  mayTrust(circumstances: number): boolean {
    const { tokens, under, since } = this.#lost;
    return since >= tokens / lossShare || circumstances !== under;
  }

  /** True where this text is looked at, so that probes are not needed to see what drafts would bring. */
  isWatching(plainMs: number): boolean {
    return this.#hasLooked && this.#pays(plainMs);
  }

  /** Plain tokens before the next look; infinite where none is worth its time. */
  left(prospect: LookProspect): number {
    const { plainMs, beginTokens } = prospect;
    if (!this.#pays(plainMs)) return Infinity;
    const begin = beginTokens / (firstShare - this.#share(plainMs));
    return Math.max(0, Math.max(this.#distance, Math.ceil(begin)) - this.#numUnread);
  }

  /** Tokens that a look would look at. */
  get numTokens(): number {
    return Math.min(this.#numUnread, mostTokens);
  }

  /** @param isBeginning  the drafter had to read what came before first, which says nothing of other looks */
  observe({ accepted, ms }: LookedBack, plainMs: number | undefined, isBeginning: boolean): void {
    this.#canTell &&= accepted !== undefined && accepted.length > 0;
    if (accepted === undefined) return;
    // What was not looked at parts what came before from what comes now.
    const before = accepted.length < this.#numUnread ? [] : this.#accepted;
    this.#accepted = [...before, ...accepted].slice(-windows.at(-1)!.numTokens);
    this.#numUnread = 0;
    this.#hasLooked = true;
    if (!this.#canTell || isBeginning || plainMs === undefined) return;
    const share = ms / (accepted.length * plainMs);
    this.#shares = [...this.#shares, share].slice(-toldLooks);
    const usual = Math.min(...this.#shares);
    // What a look takes whatever its length weighs less over more tokens.
    if (usual > lookShare && this.#distance < mostTokens) this.#changeDistance(2);
    else if (usual < lookShare / 2 && this.#distance > leastTokens) this.#changeDistance(1 / 2);
  }

  /**
   * What was seen of the last tokens, if drafts of some size would have been so much faster over them that they will be.
   * @param cost  of a round of so many draft tokens, in plain tokens; undefined while it is not known
   */
  convincing(cost: (numNodes: number) => number | undefined): ExpectedTokens | undefined {
    const costs = Array.from({ length: this.#maxNodes }, (_, index) => cost(index + 1) ?? Infinity);
    for (const { numTokens, enough } of windows) {
      if (this.#accepted.length < numTokens) break;
      const window = this.#accepted.slice(-numTokens);
      const speedups = costs.map((each, index) => numTokens / (each * numRounds(window, index + 1)));
      if (Math.max(...speedups) >= enough) return this.#seenOf(window);
    }
    return undefined;
  }

  #seenOf(accepted: readonly boolean[]): ExpectedTokens {
    const seen = this.#fresh.fresh();
    for (let start = 0; start < numStarts; start++) {
      for (const { size, run } of roundsOver(accepted.slice(start), this.#maxNodes))
        seen.observe(
          size,
          Array.from({ length: run }, (_, node) => node),
        );
    }
    return seen;
  }

  #pays(plainMs: number): boolean {
    return this.#canTell && this.#share(plainMs) <= lookShare;
  }

  /** What looks of another length take is not known yet. */
  #changeDistance(factor: number): void {
    this.#distance *= factor;
    this.#shares = [];
  }

  #share(plainMs: number): number {
    const isTold = this.#shares.length === toldLooks && this.#distance === mostTokens;
    return isTold ? Math.min(...this.#shares) : this.#readMs / plainMs;
  }

  #forget(): void {
    this.#accepted = [];
    this.#numUnread = 0;
  }
}

/** A round that might have been. */
interface PossibleRound {
  readonly size: number;
  readonly run: number;
  /** Of what was looked at, those that it would have brought. */
  readonly numTokens: number;
}

/** Rounds of drafts of so many tokens: each begins behind the token that the one before did not get right, or did not draft. */
function roundsOver(accepted: readonly boolean[], maxNodes: number): PossibleRound[] {
  const rounds: PossibleRound[] = [];
  for (let start = 0; start < accepted.length; start += rounds.at(-1)!.numTokens) {
    const size = Math.min(maxNodes, accepted.length - start);
    const wrong = accepted.indexOf(false, start);
    const run = Math.min(size, (wrong === -1 ? accepted.length : wrong) - start);
    rounds.push({ size, run, numTokens: Math.min(run + 1, accepted.length - start) });
  }
  return rounds;
}

/** How many of them it takes; of the last one, where nothing it drafted was wrong, the part that is seen of what it would have brought. */
function numRounds(accepted: readonly boolean[], numNodes: number): number {
  const rounds = roundsOver(accepted, numNodes);
  const { size, run, numTokens } = rounds.at(-1)!;
  return rounds.length - (run < size ? 0 : 1 - numTokens / (numNodes + 1));
}
