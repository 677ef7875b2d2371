import type { Distribution } from '../../src/sampling/distribution.js';
import { Purpose, uniform } from '../../src/sampling/random.js';
import type { TokenId } from '../../src/types.js';

/** A model over a small vocabulary: one distribution per history. */
export interface TableModel {
  readonly vocabSize: number;
  next(history: readonly TokenId[]): Distribution;
}

/** A distribution from dense probabilities; zeros are left out of the support. */
export function dense(...probs: number[]): Distribution {
  const ids = probs.flatMap((prob, id) => (prob > 0 ? [id] : []));
  return { ids: Int32Array.from(ids), probs: Float64Array.from(ids, (id) => probs[id]!) };
}

/** A model that ignores its history. */
export function constantModel(...probs: number[]): TableModel {
  const law = dense(...probs);
  return { vocabSize: probs.length, next: () => law };
}

/**
 * A history-dependent model whose rows are flat Dirichlet draws.
 * @param zeroShare  probability that a token is left out of a row; one token always stays
 */
export function randomModel(seed: number, vocabSize: number, zeroShare = 0): TableModel {
  const rows = new Map<number, Distribution>();
  return {
    vocabSize,
    next(history) {
      const key = history.reduce((code, token) => code * vocabSize + token, 1);
      let row = rows.get(key);
      if (row === undefined) rows.set(key, (row = randomRow(seed, key, vocabSize, zeroShare)));
      return row;
    },
  };
}

function randomRow(seed: number, key: number, vocabSize: number, zeroShare: number): Distribution {
  const at = (index: number) => uniform(seed, Purpose.draft, key, index);
  const survivor = Math.floor(at(0) * vocabSize);
  const weights = Array.from({ length: vocabSize }, (_, token) => {
    const isLeftOut = token !== survivor && at(2 * token + 1) < zeroShare;
    return isLeftOut ? 0 : -Math.log(1 - at(2 * token + 2)) + 1e-3;
  });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return dense(...weights.map((weight) => weight / sum));
}
