import { BlockVerifier } from '../../src/verify/block.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import { describeVerifierContract } from '../contracts/verifier.js';

describeVerifierContract('match', () => new MatchVerifier());
describeVerifierContract('rejection', () => new RejectionVerifier());
describeVerifierContract('block', () => new BlockVerifier());
