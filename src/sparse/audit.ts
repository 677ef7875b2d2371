// How far a thinned target is from the dense one, on batches that both decoded. Knows nothing of models.
import { probabilityOf, type Distribution, type DistributionRows } from '../sampling/distribution.js';
import { totalVariation } from '../sampling/residual.js';

/** Means over audited rows. */
export interface SparseStats {
  /** Batches that were thinned out. */
  readonly rounds: number;
  /** Of these, how many were decoded densely, too. */
  readonly audits: number;
  /** Rows compared; the figures below are null without any. */
  readonly auditedRows: number;
  /** Total variation distance of the thinned target's distribution from the dense one's. */
  readonly totalVariation: number | null;
  /** Share of rows whose likeliest token is the same. */
  readonly topAgreement: number | null;
  /** Kullback-Leibler divergence from dense to thinned, in nats; see {@link divergence}. */
  readonly divergence: number | null;
}

/** The figures of several generations as one; undefined without any. */
export function pooledStats(all: readonly SparseStats[]): SparseStats | undefined {
  if (all.length === 0) return undefined;
  const sum = (of: (stats: SparseStats) => number): number =>
    all.reduce((total, stats) => total + of(stats), 0);
  const auditedRows = sum((stats) => stats.auditedRows);
  const mean = (of: (stats: SparseStats) => number | null): number | null =>
    auditedRows === 0 ? null : sum((stats) => (of(stats) ?? 0) * stats.auditedRows) / auditedRows;
  return {
    rounds: sum(({ rounds }) => rounds),
    audits: sum(({ audits }) => audits),
    auditedRows,
    totalVariation: mean(({ totalVariation }) => totalVariation),
    topAgreement: mean(({ topAgreement }) => topAgreement),
    divergence: mean((stats) => stats.divergence),
  };
}

/** Stands in for a probability of 0, which truncated sampling gives: the divergence would be infinite. */
const smallest = 1e-9;

/** `sum p ln(p / q)`, with 1e-9 for what q leaves out. */
export function divergence(dense: Distribution, thinned: Distribution): number {
  let sum = 0;
  dense.ids.forEach((token, index) => {
    const prob = dense.probs[index]!;
    sum += prob * Math.log(prob / (probabilityOf(thinned, token) || smallest));
  });
  return sum;
}

/** The likeliest token, the smallest id on a tie. */
function likeliest({ ids, probs }: Distribution): number {
  let best = 0;
  for (let index = 1; index < probs.length; index++) if (probs[index]! > probs[best]!) best = index;
  return ids[best]!;
}

/** Counts thinned batches and compares every `every`-th with its dense twin. */
export class SparseAudit {
  readonly #every: number;
  #rounds = 0;
  #audits = 0;
  #rows = 0;
  #variation = 0;
  #agreed = 0;
  #divergence = 0;

  /** @param every  0 compares none */
  constructor(every: number) {
    this.#every = every;
  }

  /** Notes a thinned batch; true when it is to be decoded densely, too. The first one is. */
  next(): boolean {
    this.#rounds += 1;
    return this.#every > 0 && (this.#rounds - 1) % this.#every === 0;
  }

  /** Rows of one batch, decoded both ways. */
  compare(dense: DistributionRows, thinned: DistributionRows): void {
    this.#audits += 1;
    for (let index = 0; index < dense.numRows; index++) {
      const [one, other] = [dense.row(index), thinned.row(index)];
      this.#rows += 1;
      this.#variation += totalVariation(one, other);
      this.#divergence += divergence(one, other);
      if (likeliest(one) === likeliest(other)) this.#agreed += 1;
    }
  }

  get stats(): SparseStats {
    const mean = (sum: number): number | null => (this.#rows === 0 ? null : sum / this.#rows);
    return {
      rounds: this.#rounds,
      audits: this.#audits,
      auditedRows: this.#rows,
      totalVariation: mean(this.#variation),
      topAgreement: mean(this.#agreed),
      divergence: mean(this.#divergence),
    };
  }
}
