import { BlockVerifier } from '../../src/verify/block.js';
import { GreedyMultiDraftVerifier } from '../../src/verify/greedy-multi-draft.js';
import { KSeqVerifier } from '../../src/verify/k-seq.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { ParetoVerifier } from '../../src/verify/pareto.js';
import { RecursiveVerifier } from '../../src/verify/recursive.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import { TraversalVerifier } from '../../src/verify/traversal.js';
import {
  blockBreakpoints,
  greedyMultiDraftBreakpoints,
  kSeqBreakpoints,
  matchBreakpoints,
  paretoBreakpoints,
  recursiveBreakpoints,
  rejectionBreakpoints,
  traversalBreakpoints,
} from './breakpoints.js';
import type { Rule } from './output-law.js';

/** MatchVerifier, ready to enumerate. */
export const match: Rule = { verifier: new MatchVerifier(), breakpoints: matchBreakpoints };

/** RejectionVerifier, ready to enumerate. */
export const rejection: Rule = { verifier: new RejectionVerifier(), breakpoints: rejectionBreakpoints };

/** BlockVerifier, ready to enumerate. */
export const block: Rule = { verifier: new BlockVerifier(), breakpoints: blockBreakpoints };

/** RecursiveVerifier, ready to enumerate. */
export const recursive: Rule = { verifier: new RecursiveVerifier(), breakpoints: recursiveBreakpoints };

/** TraversalVerifier, ready to enumerate. */
export const traversal: Rule = { verifier: new TraversalVerifier(), breakpoints: traversalBreakpoints };

/** KSeqVerifier, ready to enumerate. */
export const kSeq: Rule = { verifier: new KSeqVerifier(), breakpoints: kSeqBreakpoints };

/** GreedyMultiDraftVerifier, ready to enumerate. */
export const greedyMultiDraft: Rule = {
  verifier: new GreedyMultiDraftVerifier(),
  breakpoints: greedyMultiDraftBreakpoints,
};

/** ParetoVerifier, ready to enumerate. */
export const pareto = (epsilon: number): Rule => ({
  verifier: new ParetoVerifier(epsilon),
  breakpoints: paretoBreakpoints(epsilon),
});
