// How much to draft for the time it takes. Knows nothing of where costs come from.

/** What a round costs and brings by its draft tokens. */
export interface DraftTrade {
  /** Milliseconds of a plain token. */
  readonly plainMs: number;
  /** Milliseconds of a round that drafts so many tokens; undefined where unknown. */
  readonly roundMs: (numDraftTokens: number) => number | undefined;
  /** Tokens it brings, the recovered or bonus token included. */
  readonly expectedTokens: (numDraftTokens: number) => number;
}

/** A number of draft tokens and the speed with it against plain decoding. */
export interface DraftSize {
  /** 0 is plain decoding. */
  readonly numDraftTokens: number;
  readonly speedup: number;
}

/**
 * Speed against plain decoding: tokens of a round, in plain milliseconds, for its own. With a draft token at c times a plain
 * one and a batch at one it is `(1 - a^(g+1)) / ((1 - a) (c g + 1))`.
 * @returns 0 where the cost is unknown
 * @see Leviathan et al., arXiv:2211.17192, theorem 3.8
 */
export function predictedSpeedup(trade: DraftTrade, numDraftTokens: number): number {
  const ms = trade.roundMs(numDraftTokens);
  return ms === undefined || !(ms > 0) ? 0 : (trade.expectedTokens(numDraftTokens) * trade.plainMs) / ms;
}

/** The number of draft tokens, up to `largest`, of the largest speedup; plain decoding where none is above 1. */
export function bestDraftSize(trade: DraftTrade, largest: number): DraftSize {
  let best: DraftSize = { numDraftTokens: 0, speedup: 1 };
  for (let numDraftTokens = 1; numDraftTokens <= largest; numDraftTokens++) {
    const speedup = predictedSpeedup(trade, numDraftTokens);
    if (speedup > best.speedup) best = { numDraftTokens, speedup };
  }
  return best;
}
