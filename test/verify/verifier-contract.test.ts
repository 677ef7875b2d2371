import { BlockVerifier } from '../../src/verify/block.js';
import { GreedyMultiDraftVerifier } from '../../src/verify/greedy-multi-draft.js';
import { KSeqVerifier } from '../../src/verify/k-seq.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { ParetoVerifier } from '../../src/verify/pareto.js';
import { RecursiveVerifier } from '../../src/verify/recursive.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import { TraversalVerifier } from '../../src/verify/traversal.js';
import { describeVerifierContract } from '../contracts/verifier.js';

describeVerifierContract('match', () => new MatchVerifier());
describeVerifierContract('rejection', () => new RejectionVerifier());
describeVerifierContract('block', () => new BlockVerifier());
describeVerifierContract('naive', () => new MatchVerifier('naive'));
describeVerifierContract('recursive', () => new RecursiveVerifier());
describeVerifierContract('k-seq', () => new KSeqVerifier());
describeVerifierContract('greedy-multi-draft', () => new GreedyMultiDraftVerifier());
describeVerifierContract('traversal', () => new TraversalVerifier());
describeVerifierContract('pareto', () => new ParetoVerifier(0.1));
