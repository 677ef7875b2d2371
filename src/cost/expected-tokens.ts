// How many draft tokens are accepted, by how many are drafted. Knows nothing of models or time.
import { FadingMean } from '../metrics/fading-mean.js';
import type { AcceptedCounts } from '../metrics/fading-rates.js';

/**
 * Accepted tokens of a chain, on average, where each is accepted with the same probability if all before it were:
 * `a + a^2 + .. + a^N`.
 * @see Leviathan et al., arXiv:2211.17192, equation 1, without the token that the target adds
 */
export function expectedRun(rate: number, numTokens: number): number {
  return rate >= 1 ? numTokens : (rate * (1 - rate ** numTokens)) / (1 - rate);
}

/** Shares of an observation that are left after a round in a long and in a short memory. */
const longFading = 0.98;
const shortFading = 0.85;
/** Acceptance of the first node before anything was seen, and from node to node. */
const priorRate = 0.8;
/** Nodes that were not tried are assumed to be accepted less than the ones before, at least so much. */
const steepest = 0.98;
/** Rounds that the prior stands for. */
const priorRounds = 2;
/** Rounds that a size is known by, the older counting less, and how much larger ones may be believed in then. */
const knownRounds = 2.5;
const reachRatio = 1.5;
/** Share of what one memory was better than the other that still counts after a round. */
const rivalFading = 0.93;
/** Variances of a round's accepted tokens that the short memory has to have been better by: the long one is steadier. */
const convincing = 2;
/** Rounds that what was known stands for in the short memory when a text begins. */
const freshRounds = 3;
/** That variance before any was seen, the rounds that this stands for, and the least. */
const priorVariance = 2;
const priorVarianceRounds = 4;
const leastVariance = 0.3;

/** What is known of the nodes, by the size that each is the last of. */
interface KnownRates {
  readonly tried: ArrayLike<number>;
  readonly accepted: ArrayLike<number>;
  readonly missing?: ArrayLike<number> | undefined;
}

/** How often each node of drafts is there and accepted, the older rounds counting less. */
class NodeRates {
  readonly tried: Float64Array;
  readonly accepted: Float64Array;
  /** Asked for, and not drafted. */
  readonly missing: Float64Array;
  readonly #fading: number;

  constructor(maxNodes: number, fading: number) {
    this.tried = new Float64Array(maxNodes + 1);
    this.accepted = new Float64Array(maxNodes + 1);
    this.missing = new Float64Array(maxNodes + 1);
    this.#fading = fading;
  }

  set({ tried, accepted, missing }: KnownRates): void {
    this.tried.set(tried);
    this.accepted.set(accepted);
    this.missing.set(missing ?? new Float64Array(this.missing.length));
  }

  /** Lets what is known stand for so many rounds at most. */
  fade(numRounds: number): void {
    const scale = numRounds / Math.max(numRounds, this.tried[1] ?? 0);
    for (let nodes = 1; nodes < this.tried.length; nodes++) {
      this.tried[nodes]! *= scale;
      this.accepted[nodes]! *= scale;
      this.missing[nodes]! *= scale;
    }
  }

  observe(size: number, numDrafted: number, acceptedNodes: readonly number[]): void {
    for (let nodes = 1; nodes < this.tried.length; nodes++) {
      this.tried[nodes]! *= this.#fading;
      this.accepted[nodes]! *= this.#fading;
      this.missing[nodes]! *= this.#fading;
      if (nodes <= size) this.tried[nodes]! += 1;
      if (nodes <= size && nodes > numDrafted) this.missing[nodes]! += 1;
    }
    for (const node of acceptedNodes) if (node < size) this.accepted[node + 1]! += 1;
  }

  /** [maxNodes + 1]: accepted tokens of a draft of m nodes; rising, and by no more from node to node. */
  expected(): Float64Array {
    const result = new Float64Array(this.tried.length);
    let [before, step] = [1, 1];
    for (let nodes = 1; nodes < result.length; nodes++) {
      // Where few rounds went so far, the rise goes on as before: larger drafts have to be tempting to be tried.
      const ratio = nodes === 1 ? priorRate : Math.min(steepest, step / Math.max(before, 1e-9));
      const rise = (this.accepted[nodes]! + priorRounds * step * ratio) / (this.tried[nodes]! + priorRounds);
      [before, step] = [step, Math.min(step, rise)];
      result[nodes] = result[nodes - 1]! + step;
    }
    return result;
  }

  /** [maxNodes + 1]: nodes that are drafted of so many that are asked for. */
  drafted(): Float64Array {
    const result = new Float64Array(this.tried.length);
    let share = 1;
    for (let nodes = 1; nodes < result.length; nodes++) {
      // Of nodes that were not tried as many are missing as of those before.
      const missing = this.missing[nodes]! + priorRounds * (1 - share);
      share = Math.min(share, 1 - missing / (this.tried[nodes]! + priorRounds));
      result[nodes] = result[nodes - 1]! + share;
    }
    return result;
  }
}

/**
 * The mean number of accepted tokens of a draft of m nodes, for every m: the sum of how often each node is accepted. Trees
 * here grow by what is likeliest accepted, so that the first m nodes of a larger tree are the tree of m nodes, and one round
 * tells of all sizes up to its own. A long memory tells it, and a short one where that has foretold the last rounds better: a
 * text that has become of another kind.
 */
export class ExpectedTokens {
  readonly #long: NodeRates;
  readonly #short: NodeRates;
  /** Squared errors of the long memory less those of the short one. */
  #advantage = 0;
  /** Of the long memory's squared errors. */
  readonly #errors = new FadingMean(longFading);
  #numRounds = 0;

  /**
   * @param maxNodes  largest draft
   * @param counts    of an earlier generation; ignored where they are of other sizes
   */
  constructor(maxNodes: number, counts?: AcceptedCounts) {
    this.#long = new NodeRates(maxNodes, longFading);
    this.#short = new NodeRates(maxNodes, shortFading);
    if (counts?.tried.length === maxNodes + 1 && counts.accepted.length === maxNodes + 1)
      this.#long.set(counts);
  }

  /**
   * @param numNodes       draft tokens that were asked for; of a draft that stopped by itself before, more would have
   * brought no more
   * @param acceptedNodes  ascending
   * @param numDrafted     draft tokens that there were, default as many as were asked for
   */
  observe(numNodes: number, acceptedNodes: readonly number[], numDrafted = numNodes): void {
    const size = Math.min(numNodes, this.#long.tried.length - 1);
    const [longError, shortError] = [this.#long, this.#short].map(
      (rates) => (acceptedNodes.length - rates.expected()[size]!) ** 2,
    ) as [number, number];
    this.#advantage = Math.max(0, rivalFading * this.#advantage + longError - shortError);
    this.#errors.observe(longError);
    this.#numRounds += 1;
    this.#long.observe(size, numDrafted, acceptedNodes);
    this.#short.observe(size, numDrafted, acceptedNodes);
  }

  /** A text begins: the long memory tells until the short one, which forgets most, has foretold better. */
  begin(): void {
    this.#advantage = 0;
    this.#short.set(this.#long);
    this.#short.fade(freshRounds);
  }

  /** Knows what `other`, of the same size, has seen, and nothing else. */
  adopt(other: ExpectedTokens): void {
    this.#long.set(other.#long);
    this.#short.set(other.#short);
    this.#advantage = 0;
  }

  /** One of the same size that has seen nothing. */
  fresh(): ExpectedTokens {
    return new ExpectedTokens(this.#long.tried.length - 1);
  }

  /** The largest draft that what is known of smaller ones speaks for; beyond it a few lucky rounds would. */
  get reach(): number {
    const known = this.#long.tried.findLastIndex((rounds) => rounds >= knownRounds);
    return Math.ceil(reachRatio * Math.max(0, known));
  }

  /** [maxNodes + 1]: accepted tokens of a draft of m nodes; rising, and by no more from node to node. */
  accepted(): Float64Array {
    return this.#believed.expected();
  }

  /** [maxNodes + 1]: draft tokens that there are of m that are asked for, for drafts leave away what is not worth its time. */
  drafted(): Float64Array {
    return this.#believed.drafted();
  }

  /** As {@link accepted}, by the long memory. */
  usual(): Float64Array {
    return this.#long.expected();
  }

  /** As {@link drafted}, by the long memory. */
  usuallyDrafted(): Float64Array {
    return this.#long.drafted();
  }

  get #believed(): NodeRates {
    return this.#advantage > convincing * this.#variance ? this.#short : this.#long;
  }

  get #variance(): number {
    const seen = Math.min(this.#numRounds, 1 / (1 - longFading));
    const sum = seen * this.#errors.value + priorVarianceRounds * priorVariance;
    return Math.max(leastVariance, sum / (seen + priorVarianceRounds));
  }

  /** [maxNodes + 1]: rounds that asked for at least so many nodes, those in which the last of so many was accepted, or missing. */
  toJSON(): AcceptedCounts {
    const [tried, accepted, missing] = [this.#long.tried, this.#long.accepted, this.#long.missing].map(
      (counts) => Array.from(counts),
    ) as [number[], number[], number[]];
    return { tried, accepted, missing };
  }
}
