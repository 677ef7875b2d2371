// Samples the first tokens of an engine's output, and the mistakes that such samples must uncover.
import type { Engine } from '../../src/engine/engine.js';
import { sample } from '../../src/sampling/categorical.js';
import { RejectionVerifier } from '../../src/verify/rejection.js';
import type { SamplingParams } from '../../src/types.js';
import type { Verdict, Verifier, VerifyRequest } from '../../src/verify/verifier.js';
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

/** Verifiers that a comparison has to reject. */
export const brokenVerifiers: readonly Verifier[] = [new AcceptingVerifier(), new UncorrectedVerifier()];
