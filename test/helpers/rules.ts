import { BlockVerifier } from '../../src/verify/block.js';
import { MatchVerifier } from '../../src/verify/match.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import { blockBreakpoints, matchBreakpoints, rejectionBreakpoints } from './breakpoints.js';
import type { Rule } from './output-law.js';

/** MatchVerifier, ready to enumerate. */
export const match: Rule = { verifier: new MatchVerifier(), breakpoints: matchBreakpoints };

/** RejectionVerifier, ready to enumerate. */
export const rejection: Rule = { verifier: new RejectionVerifier(), breakpoints: rejectionBreakpoints };

/** BlockVerifier, ready to enumerate. */
export const block: Rule = { verifier: new BlockVerifier(), breakpoints: blockBreakpoints };
