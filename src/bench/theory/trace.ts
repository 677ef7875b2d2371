// The target's own text, and what target and draft say at each of its tokens.
import type { Engine } from '../../engine/engine.js';
import { Sampler } from '../../model/sampler.js';
import type { Sequence } from '../../model/sequence.js';
import { probabilityOf, type Distribution } from '../../sampling/distribution.js';
import { entropy } from '../../sampling/entropy.js';
import { totalVariation } from '../../sampling/residual.js';
import { divergence } from '../../theory/divergence.js';
import { paretoPoint, type ParetoPoint } from '../../theory/pareto-line.js';
import type { SamplingParams, TokenId } from '../../types.js';
import { isLookedAt, siblingAcceptance, type SiblingAcceptance } from './sibling-acceptance.js';

/** What target and draft say of one token, given those before; entropies and divergence in nats. */
export interface PositionFacts {
  readonly totalVariation: number;
  readonly divergence: number;
  readonly targetEntropy: number;
  readonly draftEntropy: number;
  /** p of the token. */
  readonly targetProbability: number;
  /** q / p of the token. */
  readonly ratio: number;
  /** The token is the draft's likeliest. */
  readonly isDraftTop: boolean;
  /** [numEpsilons]: what over-acceptance would do here. */
  readonly pareto: readonly ParetoPoint[];
  /** Of several draft tokens; at some positions only. */
  readonly siblings?: readonly SiblingAcceptance[] | undefined;
}

/** One text of the target. */
export interface Trace {
  readonly prompt: Int32Array;
  /** [numStarts + lookahead] */
  readonly tokens: readonly TokenId[];
  /** As tokens. */
  readonly facts: readonly PositionFacts[];
  /** Tokens at which a round can start: up to the limit or the end of generation; what rounds accept may lie beyond. */
  readonly numStarts: number;
}

/** Options of {@link traceText}. */
export interface TraceOptions {
  /** Draws plainly from the target. */
  readonly engine: Engine;
  /** A sequence of the draft model; its tokens are replaced. */
  readonly draft: Sequence;
  readonly sampling: SamplingParams;
  readonly maxTokens: number;
  /** Tokens beyond the last start. */
  readonly lookahead: number;
  /** Of over-acceptance. */
  readonly epsilons: readonly number[];
  /** Texts before this one. */
  readonly textIndex: number;
  /** Goes on past end-of-generation tokens. */
  readonly ignoreEos: boolean;
}

/** Tokens whose rows are there at once. */
const rowsAtOnce = 16;

/** Draws a text from the target, and compares both models' rows along it. */
export async function traceText(prompt: Int32Array, seed: number, options: TraceOptions): Promise<Trace> {
  const { engine, draft, sampling, maxTokens, lookahead, ignoreEos } = options;
  const { tokenizer, info } = engine.target;
  const generated = await engine
    .generate(prompt, { maxTokens: maxTokens + lookahead, sampling, seed, ignoreEos: true })
    .finish();
  const end = ignoreEos ? -1 : generated.tokens.findIndex((token) => tokenizer.isEndOfGeneration(token));
  const numStarts = end === -1 ? maxTokens : Math.min(maxTokens, end + 1);
  const tokens = generated.tokens.slice(0, numStarts + lookahead);
  const facts: PositionFacts[] = [];
  const sampler = new Sampler(sampling);
  const target = engine.sequence;
  for (const sequence of [target, draft]) await sequence.prefill(prompt.subarray(0, -1));
  const given = [prompt.at(-1)!, ...tokens.slice(0, -1)];
  for (let from = 0; from < given.length; from += rowsAtOnce) {
    const batch = given.slice(from, from + rowsAtOnce);
    const ofTarget = await target.decode({ tokens: batch, sampler });
    const ofDraft = await draft.decode({ tokens: batch, sampler, vocabLimit: info.vocabSize });
    for (const [index] of batch.entries()) {
      const position = from + index;
      const rows: [Distribution, Distribution] = [ofTarget.rows.row(index), ofDraft.rows.row(index)];
      const hasSiblings = position < numStarts && isLookedAt(options.textIndex, position);
      facts.push({
        ...factsOf(...rows, tokens[position]!, options.epsilons),
        ...(hasSiblings && { siblings: siblingAcceptance(...rows) }),
      });
    }
    ofTarget.rows.release();
    ofDraft.rows.release();
    target.commit(batch.length - 1);
    draft.commit(batch.length - 1);
  }
  return { prompt, tokens, facts, numStarts };
}

/** What two rows say of a token that was drawn from the first. */
export function factsOf(
  target: Distribution,
  draft: Distribution,
  token: TokenId,
  epsilons: readonly number[],
): PositionFacts {
  const targetProbability = probabilityOf(target, token);
  const top = draft.probs.reduce((best, prob, index) => (prob > draft.probs[best]! ? index : best), 0);
  return {
    totalVariation: totalVariation(target, draft),
    divergence: divergence(target, draft),
    targetEntropy: entropy(target.probs),
    draftEntropy: entropy(draft.probs),
    targetProbability,
    // Batches of another size round otherwise: a token on the rim of a truncation may fall off.
    ratio: targetProbability > 0 ? probabilityOf(draft, token) / targetProbability : 0,
    isDraftTop: draft.ids[top] === token,
    pareto: epsilons.map((epsilon) => paretoPoint(target, draft, epsilon)),
  };
}
