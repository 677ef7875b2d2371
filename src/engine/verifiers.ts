// The acceptance rules by name, each with its native twin where it has one.
import { areNativeRows, nativeRules, verifyNatively } from '../model/native-verifiers.js';
import type { SiblingDraws } from '../tree/token-tree.js';
import { BlockVerifier } from '../verify/block.js';
import { GreedyMultiDraftVerifier } from '../verify/greedy-multi-draft.js';
import { KSeqVerifier } from '../verify/k-seq.js';
import { MatchVerifier } from '../verify/match.js';
import { ParetoVerifier } from '../verify/pareto.js';
import { RecursiveVerifier } from '../verify/recursive.js';
import { RejectionVerifier } from '../verify/rejection.js';
import { TraversalVerifier } from '../verify/traversal.js';
import type { Verdict, Verifier, VerifyRequest } from '../verify/verifier.js';

const references: ReadonlyMap<string, () => Verifier> = new Map<string, () => Verifier>([
  ['match', () => new MatchVerifier()],
  ['naive', () => new MatchVerifier('naive')],
  ['rejection', () => new RejectionVerifier()],
  ['block', () => new BlockVerifier()],
  ['recursive', () => new RecursiveVerifier()],
  ['k-seq', () => new KSeqVerifier()],
  ['greedy-multi-draft', () => new GreedyMultiDraftVerifier()],
  ['traversal', () => new TraversalVerifier()],
]);

/** Names that {@link createVerifier} knows. */
export const verifierNames: readonly string[] = [...references.keys(), 'pareto'];

/**
 * The verifier of this name.
 * @param epsilon  over-acceptance of `pareto`, which needs it
 * @throws {TypeError} naming the known ones
 */
export function createVerifier(name: string, epsilon?: number): Verifier {
  if (name === 'pareto') {
    if (epsilon === undefined) throw new TypeError('Expected epsilon for the verifier pareto, such as 0.1');
    return new TwinVerifier(new ParetoVerifier(epsilon), epsilon);
  }
  const create = references.get(name);
  if (create === undefined) {
    throw new TypeError(`Expected auto, ${verifierNames.join(', ')} for verifier but received ${name}`);
  }
  return new TwinVerifier(create());
}

/** Runs the native twin where all rows are native, the reference elsewhere; the verdicts are the same. */
class TwinVerifier implements Verifier {
  readonly name: string;
  readonly lossless: boolean;
  readonly needsDraftProbs: boolean;
  readonly siblings: readonly SiblingDraws[];
  readonly chainsOnly: boolean;
  readonly fixedShapesOnly: boolean;
  readonly #reference: Verifier;
  readonly #epsilon: number | undefined;

  constructor(reference: Verifier, epsilon?: number) {
    this.#reference = reference;
    this.#epsilon = epsilon;
    this.name = reference.name;
    this.lossless = reference.lossless;
    this.needsDraftProbs = reference.needsDraftProbs;
    this.siblings = reference.siblings;
    this.chainsOnly = reference.chainsOnly;
    this.fixedShapesOnly = reference.fixedShapesOnly;
  }

  verify(request: VerifyRequest): Verdict {
    const { tree, targetProbs, draftProbs, uniforms } = request;
    const hasTwin = nativeRules.has(this.name) && areNativeRows(targetProbs, draftProbs);
    if (!hasTwin) return this.#reference.verify(request);
    return verifyNatively(this.name, tree, targetProbs, draftProbs, uniforms, this.#epsilon);
  }
}
