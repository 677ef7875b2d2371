// How much each multi-draft rule accepts of one set of siblings, next to the best that any rule could. Knows no models.
import { mean, sampleStandardDeviation, sum } from 'simple-statistics';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, oneHot, probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { residual, residualWeights } from '../../src/sampling/residual.js';
import { optimalWithoutReplacement, optimalWithReplacement } from '../../src/theory/optimal-acceptance.js';
import { recursiveAcceptance } from '../../src/theory/root-rejection.js';
import { TokenTree, type OwnDraws } from '../../src/tree/token-tree.js';
import {
  greedyMultiDraftAcceptance,
  GreedyMultiDraftVerifier,
  topAndRest,
} from '../../src/verify/greedy-multi-draft.js';
import { kSeqRule, KSeqVerifier } from '../../src/verify/k-seq.js';
import { MatchVerifier, naiveAcceptance } from '../../src/verify/match.js';
import { RecursiveVerifier } from '../../src/verify/recursive.js';
import type { Verifier, VerifyRequest } from '../../src/verify/verifier.js';
import type { SeededRandom } from '../fixtures/seeded-random.js';
import { without } from '../helpers/enumerate-drafts.js';
import { dense } from '../helpers/table-model.js';

/** Numbers of siblings that are compared. */
export const siblingCounts = [1, 2, 3, 4, 5, 6, 7, 8] as const;
const maxSiblings = siblingCounts.length;

/** What target and draft say of one next token. */
export interface Pair {
  readonly target: Distribution;
  readonly draft: Distribution;
}

/** A probability; the standard error is 0 where it is exact. */
export interface Estimate {
  readonly value: number;
  readonly standardError: number;
}

/** A rule with one of the ways to draw its siblings. */
export interface Method {
  readonly rule: string;
  readonly siblings: OwnDraws;
  readonly verifier: Verifier;
  /** Probability that one of the siblings is accepted, [maxSiblings]. */
  readonly acceptance: (pair: Pair, random: SeededRandom) => Estimate[];
}

/** The same tokens in both laws, from 4 to 64 of them, from peaked to flat; the draft is part target, part its own. */
export function randomPair(random: SeededRandom): Pair {
  const size = Math.round(4 * 16 ** random.uniform());
  const concentration = 10 ** (1.5 * random.uniform() - 1);
  const agreement = random.uniform();
  const law = (): number[] => {
    const weights = Array.from({ length: size }, () => random.gamma(concentration) + 1e-6);
    const total = sum(weights);
    return weights.map((weight) => weight / total);
  };
  const [target, own] = [law(), law()];
  const draft = own.map((share, token) => agreement * target[token]! + (1 - agreement) * share);
  return { target: dense(...target), draft: dense(...draft) };
}

const exactly =
  (acceptance: (target: Distribution, draft: Distribution, count: number) => number) =>
  ({ target, draft }: Pair): Estimate[] =>
    siblingCounts.map((count) => ({ value: acceptance(target, draft, count), standardError: 0 }));

const topMass = (target: Distribution, draft: Distribution, count: number): number =>
  sum(topAndRest(draft, count).top.map((token) => probabilityOf(target, token)));

/** Sampled trees of rejections a pair, and the rejections whose heaviest token is followed for sure. */
const numTrees = 12;
const numSplits = 3;

/**
 * `recursive` on siblings drawn without replacement, for every number of them. All are rejected with probability
 * `E[prod (1 - overlap(p_i, q_i))]`, each rejected sibling drawn from the normalised `(q_i - p_i)+`: whether a sibling
 * is accepted is integrated out, only which token was rejected is sampled. Of the first rejections the heaviest token
 * is followed for sure and one of the others is sampled, because what is likely and what is rare differ most there.
 * Exact for one sibling.
 */
export function recursiveWithoutReplacement(pair: Pair, random: SeededRandom, trees = numTrees): Estimate[] {
  const sampled = Array.from({ length: trees }, () => {
    const rejections = new Float64Array(maxSiblings);
    addRejections(rejections, pair, 0, 1, random);
    return rejections;
  });
  return siblingCounts.map((_, index) => {
    const rejections = sampled.map((tree) => tree[index]!);
    const standardError = sampleStandardDeviation(rejections) / Math.sqrt(trees);
    return { value: 1 - mean(rejections), standardError };
  });
}

/** Adds, for every number of siblings, the probability that all are rejected after `numRejected` were. */
function addRejections(
  rejections: Float64Array,
  { target, draft }: Pair,
  numRejected: number,
  probability: number,
  random: SeededRandom,
): void {
  if (draft.ids.length === 0) {
    for (let count = numRejected; count < maxSiblings; count++) rejections[count]! += probability;
    return;
  }
  const { weights, mass } = residualWeights(draft, target);
  rejections[numRejected]! += probability * mass;
  if (numRejected + 1 === maxSiblings || !(mass > 0)) return;
  const rest = residual(target, draft).distribution;
  const follow = (token: number, share: number): void => {
    const pair = { target: rest, draft: withoutToken(draft, token) };
    addRejections(rejections, pair, numRejected + 1, probability * share, random);
  };
  if (numRejected >= numSplits) return follow(sample(weights, random.uniform()), mass);
  const heaviest = weights.probs.reduce(
    (best, weight, index, all) => (weight > all[best]! ? index : best),
    0,
  );
  const others = weights.probs.with(heaviest, 0);
  const othersMass = others.reduce((total, weight) => total + weight, 0);
  follow(weights.ids[heaviest]!, weights.probs[heaviest]!);
  if (othersMass > 0) follow(sample({ ids: weights.ids, probs: others }, random.uniform()), othersMass);
}

/** As `without`, for one token of a large vocabulary. */
function withoutToken({ ids, probs }: Distribution, token: number): Distribution {
  const dropped = ids.indexOf(token);
  const kept = probs.filter((_, index) => index !== dropped);
  const mass = kept.reduce((total, prob) => total + prob, 0);
  return {
    ids: ids.filter((_, index) => index !== dropped),
    probs: kept.map((prob) => prob / mass),
  };
}

/** The same probability of rejection by enumeration, for small vocabularies. */
export function exactRejection(target: Distribution, draft: Distribution, count: number): number {
  if (count === 0 || draft.ids.length === 0) return 1;
  const { weights } = residualWeights(draft, target);
  const rest = residual(target, draft).distribution;
  return sum(
    Array.from(weights.ids, (token, index) => {
      const weight = weights.probs[index]!;
      return weight * exactRejection(rest, without(draft, [token]), count - 1);
    }),
  );
}

const withReplacement = 'withReplacement';
const withoutReplacement = 'withoutReplacement';

/** Every rule for several siblings, but `traversal`, which is `recursive` on trees of one level. */
export const methods: readonly Method[] = [
  {
    rule: 'naive',
    siblings: 'deterministic',
    verifier: new MatchVerifier('naive'),
    acceptance: exactly(topMass),
  },
  {
    rule: 'naive',
    siblings: withReplacement,
    verifier: new MatchVerifier('naive'),
    acceptance: exactly(naiveAcceptance),
  },
  {
    rule: 'recursive',
    siblings: withReplacement,
    verifier: new RecursiveVerifier(),
    acceptance: exactly(recursiveAcceptance),
  },
  {
    rule: 'k-seq',
    siblings: withReplacement,
    verifier: new KSeqVerifier(),
    acceptance: exactly((target, draft, count) => kSeqRule(target, draft, count).acceptance),
  },
  {
    rule: 'recursive',
    siblings: withoutReplacement,
    verifier: new RecursiveVerifier(),
    acceptance: recursiveWithoutReplacement,
  },
  {
    rule: 'greedy-multi-draft',
    siblings: 'topThenSampled',
    verifier: new GreedyMultiDraftVerifier(),
    acceptance: exactly(greedyMultiDraftAcceptance),
  },
];

/**
 * `1 + min over H of p(H) - Q(H)` for the likeliest siblings and a last one of law q~ on the others: Q(H) is `q~(H)`
 * where H holds the likeliest, else 0; the best H that does takes in the tokens with q~ above p.
 */
function optimalTopThenSampled({ target, draft }: Pair, count: number): number {
  const { top, rest } = topAndRest(draft, count - 1);
  const mass = sum(Array.from(rest.probs));
  const excess = Array.from(rest.ids, (token, index) =>
    Math.max(0, rest.probs[index]! / mass - probabilityOf(target, token)),
  );
  // Without a last sibling the likeliest are all there are.
  const last = rest.ids.length === 0 ? 1 : sum(excess);
  return 1 + Math.min(0, sum(top.map((token) => probabilityOf(target, token))) - last);
}

/** The most that any rule can accept, by how siblings are drawn; [maxSiblings] each. */
export type Optima = Readonly<Record<OwnDraws, readonly number[]>>;

/** The optima of one pair. */
export function optimaOf(pair: Pair): Optima {
  const { target, draft } = pair;
  return {
    deterministic: siblingCounts.map((count) => topMass(target, draft, count)),
    withReplacement: optimalWithReplacement(target, draft, siblingCounts),
    withoutReplacement: optimalWithoutReplacement(target, draft, maxSiblings),
    topThenSampled: siblingCounts.map((count) => optimalTopThenSampled(pair, count)),
  };
}

/** What one method accepts of `count` siblings of every pair, with the optima of the same pairs. */
export interface Comparison {
  readonly method: Method;
  readonly count: number;
  readonly accepted: readonly Estimate[];
  /** Of the method's own draws. */
  readonly optimal: readonly number[];
}

/** Every method with every number of siblings on all pairs. */
export function compare(
  pairs: readonly Pair[],
  optima: readonly Optima[],
  random: SeededRandom,
  compared: readonly Method[] = methods,
): Comparison[] {
  return compared.flatMap((method) => {
    const ofPairs = pairs.map((pair) => method.acceptance(pair, random));
    return siblingCounts.map((count, index) => ({
      method,
      count,
      accepted: ofPairs.map((estimates) => estimates[index]!),
      optimal: optima.map((ofPair) => ofPair[method.siblings][index]!),
    }));
  });
}

/** Means over the pairs, and ratios to the optimum. */
export interface Summary {
  readonly acceptance: number;
  /** From sampling drafts; the pairs are given. */
  readonly standardError: number;
  readonly optimum: number;
  readonly meanRatio: number;
  readonly worstRatio: number;
}

/** @param optimal  another optimum than that of the method's own draws */
export function summarize({ accepted, optimal: own }: Comparison, optimal: readonly number[] = own): Summary {
  const ratios = accepted.map(({ value }, index) => value / optimal[index]!);
  return {
    acceptance: mean(accepted.map(({ value }) => value)),
    standardError: Math.sqrt(sum(accepted.map(({ standardError }) => standardError ** 2))) / accepted.length,
    optimum: mean([...optimal]),
    meanRatio: mean(ratios),
    worstRatio: Math.min(...ratios),
  };
}

/** Largest excess of an acceptance over its optimum, less four standard errors. */
export function largestExcess({ accepted, optimal }: Comparison): number {
  return Math.max(
    ...accepted.map(({ value, standardError }, index) => value - 4 * standardError - optimal[index]!),
  );
}

/**
 * What `recursive` and `k-seq` accept at least of `count` siblings drawn with replacement: `1 - (1 - F / k)^k` with
 * `F = sum min(p, k q)`.
 *
 * No rule accepts more than F, because a token is among the siblings with probability at most k q, and the floor is at
 * least `(1 - (1 - 1 / k)^k) F`, because it is concave in F.
 *
 * `k-seq`: `b = sum min(p / rho, q)` falls with rho, and at rho = k it is F / k.
 *
 * `recursive`: let `g(s) = 1 - sum min(p, s q)`, convex and falling, and R_i the probability that i - 1 siblings are
 * rejected. With `S_i = R_1 + ... + R_i` the unnormalised target is `(p - S_i q)+`, so that `R_{i+1} = g(S_i)` and
 * `S_{i+1} = S_i + g(S_i)`, from `S_1 = 1`. Take the line through g at S_k and at k: it is below g up to S_k, so the
 * same steps with it stay below S_k, and end where the line is at least `g(S_k)`. With slope -m and `1 - d` at 0 they
 * end at `(1 - d - m) (1 - m)^(k - 1)`, where `m = (F - d) / k`: that falls with d, and is `(1 - F / k)^k` at d = 0.
 */
export function leastAccepted({ target, draft }: Pair, count: number): number {
  const most = sum(
    Array.from(target.ids, (token, index) =>
      Math.min(target.probs[index]!, count * probabilityOf(draft, token)),
    ),
  );
  return 1 - (1 - most / count) ** count;
}

/** One set of siblings below the root, drawn as `siblings` says, with uniforms for the rule. */
export function drawRound(
  { target, draft }: Pair,
  siblings: OwnDraws,
  count: number,
  random: SeededRandom,
): VerifyRequest {
  const tokens: number[] = [];
  const rows: Distribution[] = [];
  if (siblings === 'deterministic' || siblings === 'topThenSampled') {
    tokens.push(...topAndRest(draft, siblings === 'deterministic' ? count : count - 1).top);
    rows.push(...tokens.map(oneHot));
  }
  while (tokens.length < count) {
    const row = siblings === 'withReplacement' ? draft : without(draft, tokens);
    if (row.ids.length === 0) break;
    tokens.push(sample(row, random.uniform()));
    rows.push(row);
  }
  return {
    tree: new TokenTree(
      tokens,
      tokens.map(() => -1),
    ),
    draftProbs: siblings === 'deterministic' ? undefined : new ArrayRows(rows),
    targetProbs: new ArrayRows([target, ...tokens.map(() => target)]),
    uniforms: {
      accept: Float64Array.from(tokens, () => random.uniform()),
      sample: Float64Array.of(random.uniform(), random.uniform()),
    },
  };
}
