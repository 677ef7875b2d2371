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

/** Share of an observation that is left after a round: half of it after 34. */
const fading = 0.98;
/** Acceptance of the first node before anything was seen, and from node to node. */
const priorRate = 0.8;
/** Nodes that were not tried are assumed to be accepted less than the ones before, at least so much. */
const steepest = 0.98;
/** Rounds that the prior stands for. */
const priorRounds = 2;
/** Rounds in a row that are held against what was expected of them: few for what changes much, many for what changes little. */
const windows = [4, 8, 16, 32] as const;
/** Standard deviations that their accepted tokens are off where the text is of another kind now. */
const changed = 4;
/** Rounds that what was known before then stands for: it may have been bad luck after all. */
const keptRounds = 4;
/** Variance of a round's accepted tokens before any was seen, the rounds that it stands for, and the least. */
const priorVariance = 2;
const priorVarianceRounds = 4;
const leastVariance = 0.3;
/** Rounds that a size is known by, the older counting less, and how much larger ones may be believed in then. */
const knownRounds = 2.5;
const reachRatio = 1.5;

/** What was drafted and what came of it. */
interface Drafted {
  /** Draft tokens. */
  readonly size: number;
  readonly acceptedNodes: readonly number[];
}

/**
 * The mean number of accepted tokens of a draft of m nodes, for every m: the sum of how often each node is accepted. Trees
 * here grow by what is likeliest accepted, so that the first m nodes of a larger tree are the tree of m nodes, and one round
 * tells of all sizes up to its own. Rounds far off what was expected of them tell of another kind of text, and what was
 * known before counts for little from then on.
 */
export class ExpectedTokens {
  readonly #tried: Float64Array;
  readonly #accepted: Float64Array;
  /** The last rounds, the latest last, and what their accepted tokens were off. */
  #recent: { readonly round: Drafted; readonly surprise: number }[] = [];
  readonly #squares = new FadingMean(fading);
  #numRounds = 0;

  /**
   * @param maxNodes  largest draft
   * @param counts    of an earlier generation; ignored where they are of other sizes
   */
  constructor(maxNodes: number, counts?: AcceptedCounts) {
    this.#tried = new Float64Array(maxNodes + 1);
    this.#accepted = new Float64Array(maxNodes + 1);
    if (counts?.tried.length === maxNodes + 1 && counts.accepted.length === maxNodes + 1) {
      this.#tried.set(counts.tried);
      this.#accepted.set(counts.accepted);
    }
  }

  /**
   * @param numNodes       draft tokens that were asked for; of a draft that stopped by itself before, more would have
   * brought no more
   * @param acceptedNodes  ascending
   */
  observe(numNodes: number, acceptedNodes: readonly number[]): void {
    const size = Math.min(numNodes, this.#tried.length - 1);
    const round = { size, acceptedNodes };
    const surprise = acceptedNodes.length - this.accepted()[size]!;
    this.#recent = [...this.#recent, { round, surprise }].slice(-windows.at(-1)!);
    const numUnlike = this.#numUnlike();
    this.#squares.observe(surprise ** 2);
    this.#numRounds += 1;
    if (numUnlike === 0) this.#count(round);
    else this.#forgetBefore(numUnlike);
  }

  /** The last rounds that are unlike what was known before them; 0 where none are. */
  #numUnlike(): number {
    const seen = Math.min(this.#numRounds, 1 / (1 - fading));
    const variance =
      (seen * this.#squares.value + priorVarianceRounds * priorVariance) / (seen + priorVarianceRounds);
    let sum = 0;
    for (let count = 1; count <= this.#recent.length; count++) {
      sum += this.#recent.at(-count)!.surprise;
      const isUnlike = Math.abs(sum) > changed * Math.sqrt(count * Math.max(leastVariance, variance));
      if (isUnlike && windows.some((size) => size === count)) return count;
    }
    return 0;
  }

  #forgetBefore(numRounds: number): void {
    const rounds = this.#recent.map(({ round }) => round).slice(-numRounds);
    const scale = keptRounds / Math.max(keptRounds, this.#tried[1] ?? 0);
    for (let nodes = 1; nodes < this.#tried.length; nodes++) {
      this.#tried[nodes]! *= scale;
      this.#accepted[nodes]! *= scale;
    }
    this.#recent = [];
    for (const round of rounds) this.#count(round);
  }

  #count({ size, acceptedNodes }: Drafted): void {
    for (let nodes = 1; nodes < this.#tried.length; nodes++) {
      this.#tried[nodes]! *= fading;
      this.#accepted[nodes]! *= fading;
      if (nodes <= size) this.#tried[nodes]! += 1;
    }
    for (const node of acceptedNodes) if (node < size) this.#accepted[node + 1]! += 1;
  }

  /** Knows what `other`, of the same size, has seen, and nothing else. */
  adopt(other: ExpectedTokens): void {
    this.#recent = [];
    this.#tried.set(other.#tried);
    this.#accepted.set(other.#accepted);
  }

  /** One of the same size that has seen nothing. */
  fresh(): ExpectedTokens {
    return new ExpectedTokens(this.#tried.length - 1);
  }

  /** The largest draft that what is known of smaller ones speaks for; beyond it a few lucky rounds would. */
  get reach(): number {
    const known = this.#tried.findLastIndex((rounds) => rounds >= knownRounds);
    return Math.ceil(reachRatio * Math.max(0, known));
  }

  /** [maxNodes + 1]: accepted tokens of a draft of m nodes; rising, and by no more from node to node. */
  accepted(): Float64Array {
    const result = new Float64Array(this.#tried.length);
    let [before, step] = [1, 1];
    for (let nodes = 1; nodes < result.length; nodes++) {
      // Where few rounds went so far, the rise goes on as before: larger drafts have to be tempting to be tried.
      const ratio = nodes === 1 ? priorRate : Math.min(steepest, step / Math.max(before, 1e-9));
      const rise =
        (this.#accepted[nodes]! + priorRounds * step * ratio) / (this.#tried[nodes]! + priorRounds);
      [before, step] = [step, Math.min(step, rise)];
      result[nodes] = result[nodes - 1]! + step;
    }
    return result;
  }

  /** [maxNodes + 1]: rounds that drafted at least so many nodes, and those in which the last of so many was accepted. */
  toJSON(): AcceptedCounts {
    return { tried: Array.from(this.#tried), accepted: Array.from(this.#accepted) };
  }
}
