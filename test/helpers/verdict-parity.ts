import { expect } from 'vitest';
import { NativeDistributionRows } from '../../src/model/sampler.js';
import { verifyNatively } from '../../src/model/native-verifiers.js';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, type Distribution } from '../../src/sampling/distribution.js';
import { TokenTree } from '../../src/tree/token-tree.js';
import { BlockVerifier } from '../../src/verify/block.js';
import { GreedyMultiDraftVerifier } from '../../src/verify/greedy-multi-draft.js';
import { KSeqVerifier } from '../../src/verify/k-seq.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { ParetoVerifier } from '../../src/verify/pareto.js';
import { RecursiveVerifier } from '../../src/verify/recursive.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import { TraversalVerifier } from '../../src/verify/traversal.js';
import type { RoundUniforms, Verdict, Verifier } from '../../src/verify/verifier.js';
import { SeededRandom } from '../fixtures/seeded-random.js';

/** Rules that have a native twin. */
export const twins: readonly Verifier[] = [
  new MatchVerifier(),
  new MatchVerifier('naive'),
  new RejectionVerifier(),
  new ParetoVerifier(0.1),
  new BlockVerifier(),
  new RecursiveVerifier(),
  new TraversalVerifier(),
  new KSeqVerifier(),
  new GreedyMultiDraftVerifier(),
];

/** A round with rows as plain distributions, so that either side can pack them. */
export interface PlainRound {
  readonly tree: TokenTree;
  readonly targetRows: readonly Distribution[];
  readonly draftRows: readonly Distribution[] | undefined;
  readonly uniforms: RoundUniforms;
}

const vocabSize = 6;

/** A random round: zeros, equal rows and coarse probabilities that tie with uniforms are common. */
export function randomRound(random: SeededRandom, isChain: boolean): PlainRound {
  const numNodes = Math.floor(random.uniform() * 6);
  const isCoarse = random.uniform() < 0.3;
  const unit = () => (isCoarse ? Math.floor(random.uniform() * 8) / 8 : random.uniform());
  const draftRows = Array.from({ length: numNodes }, () => randomRow(random, isCoarse));
  const tokens = draftRows.map((row) => sample(row, random.uniform()));
  const parents = tokens.map((_, node) =>
    isChain ? node - 1 : Math.floor(random.uniform() * (node + 1)) - 1,
  );
  const tree = new TokenTree(tokens, parents);
  const agrees = random.uniform() < 0.2;
  const targetRows = Array.from({ length: numNodes + 1 }, (_, row) => {
    const drafted = isChain && agrees ? draftRows[row] : undefined;
    return drafted ?? randomRow(random, isCoarse);
  });
  return {
    tree,
    targetRows,
    draftRows: random.uniform() < 0.7 ? draftRows : undefined,
    uniforms: {
      accept: Float64Array.from({ length: numNodes }, unit),
      sample: Float64Array.from({ length: tree.maxDepth + 1 }, unit),
    },
  };
}

function randomRow(random: SeededRandom, isCoarse: boolean): Distribution {
  const survivor = Math.floor(random.uniform() * vocabSize);
  const entries = Array.from({ length: vocabSize }, (_, token) => {
    const isLeftOut = token !== survivor && random.uniform() < 0.3;
    const weight = isCoarse ? 1 + Math.floor(random.uniform() * 3) : random.uniform() + 1e-3;
    return { token, weight: isLeftOut ? 0 : weight };
  }).filter(({ weight }) => weight > 0);
  const sum = entries.reduce((total, { weight }) => total + weight, 0);
  return {
    ids: Int32Array.from(entries, ({ token }) => token),
    probs: Float64Array.from(entries, ({ weight }) => weight / sum),
  };
}

/** The verdict of the TypeScript rule. */
export function verdictOf(verifier: Verifier, round: PlainRound): Verdict {
  const { tree, uniforms } = round;
  const draftProbs = round.draftRows && new ArrayRows(round.draftRows);
  return verifier.verify({ tree, draftProbs, targetProbs: new ArrayRows(round.targetRows), uniforms });
}

/** The verdict of the native twin on the same numbers. */
export function nativeVerdictOf(verifier: Verifier, round: PlainRound): Verdict {
  const epsilon = verifier instanceof ParetoVerifier ? verifier.epsilon : undefined;
  const targetRows = NativeDistributionRows.pack(round.targetRows);
  const draftRows = round.draftRows && NativeDistributionRows.pack(round.draftRows);
  const verdict = verifyNatively(verifier.name, round.tree, targetRows, draftRows, round.uniforms, epsilon);
  targetRows.release();
  draftRows?.release();
  return verdict;
}

/** Compares both sides on `numRounds` random rounds; returns how many of them accepted and how many rejected. */
export function compareTwins(
  verifier: Verifier,
  seed: number,
  numRounds: number,
): { numAccepting: number; numRejecting: number } {
  const random = new SeededRandom(seed, verifier.name);
  const counts = { numAccepting: 0, numRejecting: 0 };
  for (let index = 0; index < numRounds; index++) {
    const round = randomRound(random, verifier.chainsOnly);
    const expected = verdictOf(verifier, round);
    const received = nativeVerdictOf(verifier, round);
    if (!isSame(expected, received)) expect(received, JSON.stringify(round)).toEqual(expected);
    if (expected.acceptedNodes.length > 0) counts.numAccepting++;
    if (expected.nextTokenKind === 'recovered') counts.numRejecting++;
  }
  return counts;
}

function isSame(one: Verdict, other: Verdict): boolean {
  return (
    one.nextToken === other.nextToken &&
    one.nextTokenKind === other.nextTokenKind &&
    one.bias === other.bias &&
    one.acceptedNodes.join() === other.acceptedNodes.join()
  );
}
