import { probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import type { DecodedRows } from '../../src/model/sequence-calls.js';
import type { TokenId } from '../../src/types.js';

/** Copies the rows of a decode and gives their buffer back. */
export function takeRows({ rows }: DecodedRows): Distribution[] {
  const copies = Array.from({ length: rows.numRows }, (_, index) => rows.row(index));
  rows.release();
  return copies;
}

/** Largest difference of the two rows over all tokens of either support. */
export function rowDistance(left: Distribution, right: Distribution): number {
  const ids = new Set([...left.ids, ...right.ids]);
  return Math.max(
    ...[...ids].map((token) => Math.abs(probabilityOf(left, token) - probabilityOf(right, token))),
  );
}

/** The likeliest token, the smallest id on a tie. */
export function likeliest({ ids, probs }: Distribution): TokenId {
  return ids[probs.indexOf(Math.max(...probs))]!;
}

/** Keeps `tokens` in the sequence and returns the row after the last of them. */
export async function decodeChain(
  sequence: Sequence,
  tokens: readonly TokenId[],
  sampler = new Sampler(),
): Promise<Distribution> {
  const rows = takeRows(await sequence.decode({ tokens, sampler }));
  sequence.commit(tokens.length - 1);
  return rows.at(-1)!;
}

/** Decodes `prompt` and then `count` likeliest tokens, one after the other. */
export async function greedyTokens(
  sequence: Sequence,
  prompt: readonly TokenId[],
  count: number,
): Promise<TokenId[]> {
  await sequence.prefill(prompt.slice(0, -1));
  const tokens: TokenId[] = [];
  let row = await decodeChain(sequence, prompt.slice(-1));
  while (tokens.length < count) {
    tokens.push(likeliest(row));
    row = await decodeChain(sequence, tokens.slice(-1));
  }
  return tokens;
}
