// Drafts chains with a small model. Knows nothing of the target or of verification.
import type { Sampler } from '../model/sampler.js';
import type { Sequence } from '../model/sequence.js';
import type { DraftedTokens } from '../model/sequence-calls.js';
import { TokenBuffer } from '../model/token-buffer.js';
import { TokenTree } from '../tree/token-tree.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { Draft, Drafter, DraftRequest } from './drafter.js';

/** What the drafter needs of a sequence. */
export type DraftSequence = Pick<Sequence, 'prefill' | 'draft'>;

/** Options of {@link DraftModelDrafter}. */
export interface DraftModelOptions {
  readonly sequence: DraftSequence;
  /** Cells of the draft context, in tokens. */
  readonly contextSize: number;
  /** Tokens of the draft model's vocabulary. */
  readonly vocabSize: number;
  /** Tokens of the target's vocabulary; ids beyond are never drafted. */
  readonly targetVocabSize: number;
  /** Largest number of draft tokens in a round. */
  readonly maxNodes: number;
  /** Stops before a draw whose row has no token of at least this probability, default 0: never. */
  readonly minProbability?: number | undefined;
  /** `auto` samples for verifiers that need draft probabilities and takes the likeliest token otherwise. */
  readonly draws?: 'auto' | 'argmax' | 'sampled' | undefined;
  readonly createSampler: (params: SamplingParams) => Sampler;
}

/** Candidates among which a likeliest token's probability is taken for the confidence stop. */
const confidenceTopK = 40;

/** A draft model that proposes one chain. */
export class DraftModelDrafter implements Drafter {
  readonly name = 'model';
  readonly siblings = 'withReplacement';
  readonly hasDraftProbs = true;
  readonly maxNodes: number;
  readonly #options: DraftModelOptions;
  /** Tokens that the draft sequence is known to hold; verified on each call only from `#agreed` on. */
  readonly #seen = new TokenBuffer();
  #agreed = 0;
  #sampler:
    { readonly key: SamplingParams; readonly isSampled: boolean; readonly sampler: Sampler } | undefined;

  constructor(options: DraftModelOptions) {
    this.#options = options;
    this.maxNodes = options.maxNodes;
  }

  async begin(prompt: readonly TokenId[], signal?: AbortSignal): Promise<void> {
    this.#agreed = 0;
    const { sequence, contextSize } = this.#options;
    if (prompt.length > contextSize || this.#firstUnknown(prompt) < prompt.length) return;
    await sequence.prefill(prompt.slice(0, -1), { signal });
  }

  async draft(request: DraftRequest): Promise<Draft> {
    const { sequence, contextSize, minProbability, targetVocabSize } = this.#options;
    const { tokens, signal } = request;
    // The last drafted token is never decoded, so it needs no cell.
    const numDraft = Math.min(request.maxNodes, this.maxNodes, contextSize - tokens.length + 1);
    if (numDraft < 1 || this.#firstUnknown(tokens) < tokens.length) return { tree: TokenTree.chain([]) };
    const isSampled = this.#isSampled(request);
    const uniforms = isSampled
      ? Float64Array.from({ length: numDraft }, (_, index) => request.uniform(index + 1))
      : undefined;
    const known = Math.min(this.#agreed, tokens.length - 1);
    this.#agreed = 0;
    const drafted: DraftedTokens = await sequence.draft(
      tokens,
      {
        numDraft,
        sampler: this.#samplerFor(request.sampling, isSampled),
        uniforms,
        minProbability,
        vocabLimit: targetVocabSize,
        signal,
      },
      known,
    );
    this.#agreed = tokens.length;
    const tree = TokenTree.chain(drafted.tokens);
    if (isSampled && request.needsDraftProbs) return { tree, draftProbs: drafted.rows };
    drafted.rows.release();
    return { tree };
  }

  accept(): void {
    // The next call brings all tokens; what the draft sequence lacks is decoded then.
  }

  rollback(length: number): void {
    this.#agreed = Math.min(this.#agreed, length);
    this.#seen.truncate(length);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #isSampled({ needsDraftProbs, sampling }: DraftRequest): boolean {
    if ((sampling.temperature ?? 1) === 0) return false;
    const { draws = 'auto' } = this.#options;
    return draws === 'auto' ? needsDraftProbs : draws === 'sampled';
  }

  /** Index of the first token that the draft model has no embedding for; the length when there is none. */
  #firstUnknown(tokens: ArrayLike<TokenId>): number {
    const { vocabSize, targetVocabSize } = this.#options;
    if (vocabSize >= targetVocabSize) return tokens.length;
    const known = this.#seen.commonPrefix(tokens);
    for (let index = known; index < tokens.length; index++) {
      if (tokens[index]! >= vocabSize) return index;
    }
    this.#seen.truncate(known);
    this.#seen.append(Array.from(tokens).slice(known));
    return tokens.length;
  }

  #samplerFor(params: SamplingParams, isSampled: boolean): Sampler {
    const cached = this.#sampler;
    if (cached?.key === params && cached.isSampled === isSampled) return cached.sampler;
    const needsConfidence = (this.#options.minProbability ?? 0) > 0;
    const likeliest: SamplingParams = {
      ...params,
      temperature: needsConfidence ? 1 : 0,
      topK: confidenceTopK,
      topP: 1,
      minP: 0,
      typicalP: 1,
    };
    const sampler = this.#options.createSampler(isSampled ? params : likeliest);
    this.#sampler = { key: params, isSampled, sampler };
    return sampler;
  }
}
