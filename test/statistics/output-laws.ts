// Samples the first tokens of an engine's output, and the mistakes that such samples must uncover.
import type { Engine } from '../../src/engine/engine.js';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows } from '../../src/sampling/distribution.js';
import { RecursiveVerifier } from '../../src/verify/recursive.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import type { SamplingParams } from '../../src/types.js';
import { TraversalVerifier } from '../../src/verify/traversal.js';
import type { Verdict, Verifier, VerifyRequest } from '../../src/verify/verifier.js';
import type { WeightedDraft } from '../helpers/enumerate-drafts.js';
import { dropWorst, sortSiblings, type ReorderedDraft } from '../helpers/tampered-drafts.js';
import type { Counts } from './chi-square.js';

/** Output tokens that make up an outcome. */
export const numTokens = 3;
/** Generations on each side of a comparison. */
export const numSamples = Number(process.env['OUTRIDER_SAMPLES'] ?? 5000);
/** Probability, at most, that a table of sound verifiers shows any rejection. */
export const familyError = 1e-3;

const penalties: SamplingParams = {
  repeatPenalty: 1.3,
  frequencyPenalty: 0.3,
  presencePenalty: 0.4,
  penaltyLastN: 16,
};
const dry: SamplingParams = { dryMultiplier: 0.8, dryAllowedLength: 2 };

/** Sampling parameters under which outputs are compared. */
export const settings: readonly (readonly [name: string, sampling: SamplingParams])[] = [
  ['nothing', {}],
  ['top-k 8', { topK: 8 }],
  ['top-p 0.9', { topP: 0.9 }],
  ['penalties', penalties],
  ['DRY', dry],
  ['all together', { ...penalties, ...dry, temperature: 0.8, topK: 8, topP: 0.9 }],
];

/** Counts the first tokens of `numSamples` generations with seeds from `firstSeed` on. */
export async function countOutputs(
  engine: Engine,
  prompt: string,
  sampling: SamplingParams,
  firstSeed: number,
): Promise<Counts> {
  const counts = new Map<string, number>();
  for (let index = 0; index < numSamples; index++) {
    const options = { maxTokens: numTokens, seed: firstSeed + index, sampling, ignoreEos: true };
    const { tokens } = await engine.generate(prompt, options).finish();
    const outcome = tokens.join(' ');
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
}

/** Wrong: keeps whatever was drafted. */
class AcceptingVerifier extends RejectionVerifier {
  override readonly name = 'accepts always' as 'rejection';

  override verify({ tree, targetProbs, uniforms }: VerifyRequest): Verdict {
    return {
      acceptedNodes: Array.from(tree.tokens.keys()),
      nextToken: sample(targetProbs.row(tree.numNodes), uniforms.sample[tree.numNodes]!),
      nextTokenKind: 'bonus',
    };
  }
}

/** Wrong: after a rejection it draws from the target instead of from the residual. */
class UncorrectedVerifier extends RejectionVerifier {
  override readonly name = 'recovers from the target' as 'rejection';

  override verify(request: VerifyRequest): Verdict {
    const verdict = super.verify(request);
    const depth = verdict.acceptedNodes.length;
    const nextToken = sample(request.targetProbs.row(depth), request.uniforms.sample[depth]!);
    return { ...verdict, nextToken };
  }
}

/** Wrong: recursive rejection that recovers from the target instead of from what is left of it. */
class UncorrectedTree extends RecursiveVerifier {
  override readonly name = 'recovers from the target' as 'recursive';

  override verify(request: VerifyRequest): Verdict {
    const verdict = super.verify(request);
    if (verdict.nextTokenKind === 'bonus') return verdict;
    const row = request.targetProbs.row((verdict.acceptedNodes.at(-1) ?? -1) + 1);
    return { ...verdict, nextToken: sample(row, request.uniforms.sample[verdict.acceptedNodes.length]!) };
  }
}

/** Wrong: changes the tree after it was drawn and verifies what came of that. */
class TamperingVerifier extends TraversalVerifier {
  override readonly name: 'traversal';
  readonly #tamper: (draft: WeightedDraft) => ReorderedDraft;

  constructor(name: string, tamper: (draft: WeightedDraft) => ReorderedDraft) {
    super();
    this.name = name as 'traversal';
    this.#tamper = tamper;
  }

  override verify({ tree, draftProbs, targetProbs, uniforms }: VerifyRequest): Verdict {
    if (tree.numNodes === 0) return super.verify({ tree, draftProbs, targetProbs, uniforms });
    const rows = new ArrayRows(Array.from(tree.tokens.keys(), (node) => draftProbs!.row(node)));
    const changed = this.#tamper({ tree, draftProbs: rows, probability: 1 });
    const verdict = super.verify({
      tree: changed.tree,
      draftProbs: changed.draftProbs,
      targetProbs: new ArrayRows([-1, ...changed.order].map((node) => targetProbs.row(node + 1))),
      uniforms: {
        accept: Float64Array.from(changed.order, (node) => uniforms.accept[node]!),
        sample: uniforms.sample.subarray(0, changed.tree.maxDepth + 1),
      },
    });
    return { ...verdict, acceptedNodes: verdict.acceptedNodes.map((node) => changed.order[node]!) };
  }
}

/** A rule and the trees it is tried on. */
export interface Method {
  readonly verifier: string | Verifier;
  readonly tree: string;
}

/** Lossless methods on trees, fixed and grown. */
export const treeMethods: readonly Method[] = [
  { verifier: 'naive', tree: 'static:3,2' },
  { verifier: 'naive', tree: 'eagle-2:6' },
  { verifier: 'recursive', tree: 'static:2,2' },
  { verifier: 'recursive', tree: 'dynamic:6' },
  { verifier: 'k-seq', tree: 'static:2,2' },
  { verifier: 'greedy-multi-draft', tree: 'static:2,2' },
  { verifier: 'traversal', tree: 'static:2,2' },
  { verifier: 'traversal', tree: 'dynamic:6' },
  { verifier: 'traversal', tree: 'sequoia:6' },
  { verifier: 'traversal', tree: 'dyspec:6' },
];

/** Methods on chains that a comparison has to reject, as verifiers. */
export const brokenVerifiers: readonly Verifier[] = [new AcceptingVerifier(), new UncorrectedVerifier()];

/** Methods on trees that a comparison has to reject. */
export const brokenTreeMethods: readonly Method[] = [
  { verifier: new UncorrectedTree(), tree: 'static:2,2' },
  { verifier: new TamperingVerifier('siblings sorted after drawing', sortSiblings), tree: 'static:3,1' },
  { verifier: new TamperingVerifier('the worst draw dropped', dropWorst), tree: 'static:2,2' },
];
