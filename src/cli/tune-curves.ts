// What rounds of a pair cost by their draft tokens, and which number of them is best. Knows nothing of how it is shown.
import { ExpectedSpeeds } from '../cost/expected-speed.js';
import { ExpectedTokens } from '../cost/expected-tokens.js';
import type { RoundCost } from '../cost/round-cost.js';
import type { Drafter } from '../draft/drafter.js';
import type { AcceptedCounts } from '../metrics/fading-rates.js';
import { bestDraftSize } from '../theory/best-draft.js';
import { expectedChainTokens } from '../theory/expected-tokens.js';

/** Sizes that are shown, up to the largest draft. */
const shownSizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96];
/** Acceptance of a draft token, from mediocre to excellent. */
const assumedRates = [0.5, 0.7, 0.85, 0.95];

/** What is best if draft tokens are accepted at some rate. */
export interface AssumedPlan {
  readonly acceptance: number;
  /** 0 is plain decoding. */
  readonly draftTokens: number;
  readonly speedup: number;
}

/** What is best by what was accepted in the pair's answers before. */
export interface PairPlan {
  /** How the target was sampled. */
  readonly kind: string;
  /** 0 is plain decoding. */
  readonly draftTokens: number;
  /** Expected of a round, the recovered or bonus token included. */
  readonly tokens: number;
  readonly speedup: number;
}

/** What rounds cost after one length of context. */
export interface CostCurve {
  readonly contextLength: number;
  readonly plainMs: number;
  readonly rounds: readonly {
    readonly draftTokens: number;
    readonly ms: number;
    /** Tokens that a round has to bring to be worth its time. */
    readonly breakEven: number;
  }[];
  readonly plans: readonly AssumedPlan[];
  readonly pairPlans: readonly PairPlan[];
}

/** What curves are made of. */
export interface CurveBasis {
  readonly cost: RoundCost;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  readonly drafter: Pick<Drafter, 'isWeightless' | 'isSelective'>;
  /** What is known of the pair's acceptance, by how the target was sampled. */
  readonly memory: Readonly<Record<string, AcceptedCounts>>;
}

/** The curve after so many tokens of context; undefined where too little is known. */
export function curveOf(basis: CurveBasis, contextLength: number): CostCurve | undefined {
  const { cost, maxNodes } = basis;
  const plainMs = cost.predict(0, contextLength);
  if (plainMs === undefined || plainMs === 0) return undefined;
  const roundMs = (numNodes: number): number | undefined => cost.predict(numNodes, contextLength);
  const rounds = [...shownSizes.filter((size) => size < maxNodes), maxNodes].flatMap((draftTokens) => {
    const ms = roundMs(draftTokens);
    return ms === undefined ? [] : [{ draftTokens, ms, breakEven: ms / plainMs }];
  });
  const plans = assumedRates.map((acceptance) => {
    const expectedTokens = (length: number): number => expectedChainTokens(acceptance, length);
    const { numDraftTokens, speedup } = bestDraftSize({ plainMs, roundMs, expectedTokens }, maxNodes);
    return { acceptance, draftTokens: numDraftTokens, speedup };
  });
  return { contextLength, plainMs, rounds, plans, pairPlans: pairPlans(basis, contextLength) };
}

/** The guard's own choice for each way of sampling. Over drafts that cost next to nothing it decides one by one. */
function pairPlans({ cost, maxNodes, drafter, memory }: CurveBasis, contextLength: number): PairPlan[] {
  if (drafter.isWeightless === true) return [];
  const { isSelective } = drafter;
  return Object.entries(memory).flatMap(([kind, counts]) => {
    if (counts.tried.length !== maxNodes + 1) return [];
    const tokens = new ExpectedTokens(maxNodes, counts);
    const basis = { cost, tokens, maxNodes, isSelective };
    const best = new ExpectedSpeeds(basis, contextLength).best();
    if (best === undefined) return [];
    return best.speedup < 1
      ? [{ kind, draftTokens: 0, tokens: 1, speedup: 1 }]
      : [{ kind, draftTokens: best.numNodes, tokens: best.tokens, speedup: best.speedup }];
  });
}

/** Share of draft tokens behind accepted ones that were accepted themselves. */
export interface KnownAcceptance {
  readonly kind: string;
  readonly acceptance: number;
}

/** What is known of drafts that the guard decides over one by one. */
export function knownAcceptance({ drafter, memory }: CurveBasis): KnownAcceptance[] {
  if (drafter.isWeightless !== true) return [];
  return Object.entries(memory).flatMap(([kind, counts]) => {
    const [tried, accepted] = [counts.tried, counts.accepted].map((each) =>
      each.reduce((sum, one) => sum + one, 0),
    );
    return tried! > 0 ? [{ kind, acceptance: accepted! / tried! }] : [];
  });
}
