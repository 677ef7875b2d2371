// Samples the first tokens of an engine's output, and the mistakes that such samples must uncover.
import type { Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, probabilityOf } from '../../src/sampling/distribution.js';
import { ROOT, type NodeIndex } from '../../src/tree/token-tree.js';
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

/** Repeats and what was said before cost. */
export const penalties: SamplingParams = {
  repeatPenalty: 1.3,
  frequencyPenalty: 0.3,
  presencePenalty: 0.4,
  penaltyLastN: 16,
};
export const dry: SamplingParams = { dryMultiplier: 0.8, dryAllowedLength: 2 };

/** Sampling parameters by the name that tables show. */
export type Settings = readonly (readonly [name: string, sampling: SamplingParams])[];

/** For trained models: temperatures with and without truncation, and all that looks back. */
export const trainedSettings: Settings = [
  ['T 1', {}],
  ['T 0.6', { temperature: 0.6 }],
  ['T 1, top-k 20', { topK: 20 }],
  ['T 0.6, top-k 20', { temperature: 0.6, topK: 20 }],
  ['penalties', penalties],
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

/** Wrong: recursive rejection that tries each sibling against the whole target and recovers from it. */
class UncorrectedTree extends RecursiveVerifier {
  override readonly name = 'recovers from the target' as 'recursive';

  override verify(request: VerifyRequest): Verdict {
    const { tree, targetProbs, draftProbs, uniforms } = request;
    const acceptedNodes: NodeIndex[] = [];
    for (let node = ROOT; ;) {
      const target = targetProbs.row(node + 1);
      const accepted = tree.children(node).find((child) => {
        const token = tree.tokens[child]!;
        const ratio = probabilityOf(target, token) / probabilityOf(draftProbs!.row(child), token);
        return uniforms.accept[child]! < ratio;
      });
      if (accepted === undefined) {
        const nextToken = sample(target, uniforms.sample[acceptedNodes.length]!);
        return { acceptedNodes, nextToken, nextTokenKind: 'recovered' };
      }
      acceptedNodes.push(accepted);
      node = accepted;
    }
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

/** A rule and the drafts it is tried on. */
export interface Method {
  readonly verifier: string | Verifier;
  readonly tree: string;
  readonly drafter?: EngineOptions['drafter'];
  /** Default the draft of the case. */
  readonly draft?: string;
  /** Between draft and target. */
  readonly middle?: string;
  /** Draft tokens of the middle model. */
  readonly middleTokens?: number;
  readonly draftTemperature?: number | 'auto';
  /** Asked for in every round. */
  readonly minAcceptance?: number;
}

/** Lossless methods; chains of `chainLength` tokens. */
export function losslessMethods(chainLength: number): Method[] {
  return [
    ...['match', 'rejection', 'block'].map((verifier) => ({ verifier, tree: `chain:${chainLength}` })),
    ...['rejection', 'block'].map((verifier) => ({
      ...{ verifier, tree: `chain:${chainLength}`, draftTemperature: 0.5 },
    })),
    { verifier: 'recursive', tree: 'static:2,2', draftTemperature: 0.5 },
    { verifier: 'traversal', tree: 'static:2,2', draftTemperature: 0.5 },
    { verifier: 'block', tree: `chain:${chainLength}`, draftTemperature: 'auto' },
    { verifier: 'traversal', tree: 'dynamic:6', draftTemperature: 'auto' },
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
    ...['recursive', 'traversal'].map((verifier) => ({
      ...{ verifier, tree: 'dynamic:6', minAcceptance: 0.3 },
    })),
  ];
}

/** Methods that a comparison has to reject. */
export function brokenMethods(chainLength: number): Method[] {
  const chain = `chain:${chainLength}`;
  return [
    { verifier: new AcceptingVerifier(), tree: chain },
    { verifier: new UncorrectedVerifier(), tree: chain },
    { verifier: new UncorrectedTree(), tree: 'static:2,2' },
    { verifier: new TamperingVerifier('siblings sorted after drawing', sortSiblings), tree: 'static:3,1' },
    { verifier: new TamperingVerifier('the worst draw dropped', dropWorst), tree: 'static:3' },
  ];
}

/** Wrong: divides by the probabilities of the row after the one that a token was drawn from. */
class MisplacedRows extends RejectionVerifier {
  override readonly name = 'rows one place late' as 'rejection';

  override verify(request: VerifyRequest): Verdict {
    const { tree, draftProbs } = request;
    const late = (node: NodeIndex) => draftProbs!.row(Math.min(node + 1, tree.numNodes - 1));
    return super.verify({ ...request, draftProbs: new ArrayRows(Array.from(tree.tokens.keys(), late)) });
  }
}

/** Wrong: takes what was added to a tree for draws like the first sibling. */
class ForgottenAdditions extends TraversalVerifier {
  override readonly name = 'additions taken for draws' as 'traversal';

  override verify(request: VerifyRequest): Verdict {
    const { tree, draftProbs } = request;
    if (draftProbs === undefined) return super.verify(request);
    const first = (node: NodeIndex) => draftProbs.row(tree.children(tree.parents[node]!)[0]!);
    return super.verify({ ...request, draftProbs: new ArrayRows(Array.from(tree.tokens.keys(), first)) });
  }
}

/** Several drafters in one tree: what a draft model draws, and what others add. */
export function mixtures(
  verifiers: readonly (string | Verifier)[],
  shapes: readonly Pick<Method, 'tree' | 'minAcceptance'>[] = [
    { tree: 'chain:12' },
    { tree: 'dynamic:12' },
    { tree: 'dynamic:12', minAcceptance: 0.2 },
  ],
): Method[] {
  const drafter = ['model', 'suffix', 'prompt-lookup'];
  return verifiers.flatMap((verifier) => shapes.map((shape) => ({ verifier, drafter, ...shape })));
}

/** As {@link mixtures}, and has to be rejected: beside a chain, what others add is seldom among the draws anyway. */
export const brokenMixtures = (): Method[] => mixtures([new ForgottenAdditions()], [{ tree: 'chain:12' }]);

/** Middle models and what drafts for them. */
export interface CascadeModels {
  readonly middle: string;
  readonly draft?: string;
  readonly drafter?: EngineOptions['drafter'];
  /** The shape of what drafts for the middle model. */
  readonly tree: string;
}

/** Cascades; `middleTokens` of a draft fill an outcome, so that a rejection starts a second round. */
export function cascades(
  models: readonly CascadeModels[],
  verifiers: readonly (string | Verifier)[],
): Method[] {
  return models.flatMap((model) =>
    verifiers.map((verifier) => ({ ...model, verifier, middleTokens: numTokens })),
  );
}

/** As {@link cascades}, and has to be rejected. */
export const brokenCascades = (models: readonly CascadeModels[]): Method[] =>
  cascades(models, [new MisplacedRows()]);
