// How sure a ratio of means is. Knows nothing of what was measured.
import { quantile, sampleWithReplacement } from 'simple-statistics';
import { Purpose, uniform } from '../../sampling/random.js';
import { grouped } from './grouped.js';

/** Two figures of one thing, such as the speeds of two ways to the same answer. */
export interface PairedFigures {
  /** What does not vary alone: pairs of one cluster, such as repetitions of a prompt, are drawn together. */
  readonly cluster: string;
  readonly plain: number;
  readonly method: number;
}

/** Where a figure lies with a stated confidence. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const confidence = 0.95;
const defaultResamples = 1000;

/** Mean of the method's figures over the mean of the plain ones; null without pairs. */
export function ratioOfMeans(pairs: readonly PairedFigures[]): number | null {
  const { plain, method } = total(pairs);
  return plain > 0 ? method / plain : null;
}

/**
 * Draws clusters with replacement, the same ones for the same seed and number of clusters.
 * Percentile intervals: with fewer than about ten clusters they are too narrow.
 */
export class Bootstrap {
  readonly #seed: number;
  readonly #numResamples: number;
  /** By number of clusters: [numResamples, numClusters] indices. */
  readonly #draws = new Map<number, readonly (readonly number[])[]>();

  constructor({
    seed = 0,
    numResamples = defaultResamples,
  }: { readonly seed?: number; readonly numResamples?: number } = {}) {
    this.#seed = seed;
    this.#numResamples = numResamples;
  }

  /** 95 % interval of {@link ratioOfMeans}; null with fewer than two clusters, which say nothing of others. */
  interval(pairs: readonly PairedFigures[]): Interval | null {
    const clusters = [...grouped(pairs, ({ cluster }) => cluster).values()].map(total);
    if (clusters.length < 2) return null;
    const ratios = this.#drawsOf(clusters.length).flatMap(
      (indices) => ratioOfMeans(indices.map((index) => clusters[index]!)) ?? [],
    );
    if (ratios.length === 0) return null;
    const [low, high] = quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2]);
    return { low: low!, high: high! };
  }

  #drawsOf(numClusters: number): readonly (readonly number[])[] {
    const known = this.#draws.get(numClusters);
    if (known !== undefined) return known;
    const clusters = Array.from({ length: numClusters }, (_, index) => index);
    const draws = Array.from({ length: this.#numResamples }, (_, resample) => {
      let draw = 0;
      const random = (): number => uniform(this.#seed, Purpose.resample, resample, draw++);
      return sampleWithReplacement(clusters, numClusters, random);
    });
    this.#draws.set(numClusters, draws);
    return draws;
  }
}

function total(pairs: readonly PairedFigures[]): PairedFigures {
  let [plain, method] = [0, 0];
  for (const pair of pairs) {
    plain += pair.plain;
    method += pair.method;
  }
  return { cluster: pairs[0]?.cluster ?? '', plain, method };
}
