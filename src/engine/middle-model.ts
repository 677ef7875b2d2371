// A model between drafter and target, on a context of its own.
import type { Drafter } from '../draft/drafter.js';
import { IncompatibleMethodsError, UnsupportedCacheError } from '../errors.js';
import type { Context, ContextInfo } from '../model/context.js';
import { requireInteger } from '../model/options.js';
import { NativeDistributionRows, Sampler } from '../model/sampler.js';
import { requireSameVocabulary } from '../model/vocabulary.js';
import { maxTreeNodes } from '../tree/tree-shape.js';
import type { OwnDraws } from '../tree/token-tree.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import { CascadeDrafter, type MiddleModel } from './cascade.js';
import type { DrafterChoice } from './drafters.js';
import type { EngineOptions } from './options.js';
import { SequenceTarget } from './target.js';

/** Tokens of a middle model's draft where nothing else is said. */
const defaultMiddleTokens = 8;

/** What of a middle model is told at construction. */
interface SequenceMiddleModelOptions {
  readonly context: Context;
  /** Tokens of the target's vocabulary; ids beyond are never drafted. */
  readonly targetVocabSize: number;
  readonly numTokens: number;
  /** The inner drafter wants to know the likeliest next tokens. */
  readonly tellsCandidates: boolean;
}

/** A middle model that computes; its sequence holds the text as far as it has read it, and its own last draft. */
class SequenceMiddleModel implements MiddleModel {
  readonly name = 'middle';
  readonly passesOn = false;
  readonly numTokens: number;
  readonly #options: SequenceMiddleModelOptions;
  #last: { readonly sampling: SamplingParams; readonly target: SequenceTarget } | undefined;

  constructor(options: SequenceMiddleModelOptions) {
    this.#options = options;
    this.numTokens = options.numTokens;
  }

  /** False after more tokens than its context holds, and after tokens that it has no embedding for. */
  speaksAfter(tokens: ArrayLike<TokenId>): boolean {
    const { context, targetVocabSize } = this.#options;
    const { vocabSize } = context.model.info;
    if (tokens.length > context.info.contextSize) return false;
    return vocabSize >= targetVocabSize || Array.from(tokens).every((token) => token < vocabSize);
  }

  async begin(prompt: readonly TokenId[], signal: AbortSignal | undefined): Promise<void> {
    if (!this.speaksAfter(prompt)) return;
    await this.#options.context.sequence().prefill(prompt.slice(0, -1), { signal });
  }

  async enter(
    tokens: Int32Array,
    sampling: SamplingParams,
    maxNodes: number,
    signal: AbortSignal | undefined,
  ): Promise<SequenceTarget> {
    if (this.#last?.sampling !== sampling) {
      const { context, tellsCandidates, targetVocabSize: vocabLimit } = this.#options;
      const options = { tellsCandidates, vocabLimit };
      this.#last = {
        sampling,
        target: new SequenceTarget(context.sequence(), new Sampler(sampling), options),
      };
    }
    await this.#last.target.follow(tokens, maxNodes, signal);
    return this.#last.target;
  }

  /** What the target rejects is dropped when the next text goes another way. */
  leave(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Checks that a middle model is asked for together with what it needs and nothing else.
 * @throws {IncompatibleMethodsError} naming what to leave away or to give
 * @throws {VocabMismatchError} when target, middle and draft model do not share one vocabulary
 * @throws {TypeError | RangeError} on the number of its tokens
 */
export function checkMiddle(options: EngineOptions, { hasModel, names, own }: DrafterChoice): void {
  const { target, middle, draft, middleTokens } = options;
  if (middle === undefined) {
    if (middleTokens === undefined) return;
    throw new TypeError(
      `Expected a middle model with middleTokens but received middleTokens ${middleTokens}`,
    );
  }
  requireInteger('middleTokens', middleTokens ?? defaultMiddleTokens, 1, maxTreeNodes);
  const refuse = (reason: string): never => {
    throw new IncompatibleMethodsError(`A middle model ${reason}`);
  };
  if (!hasModel && names.length === 0 && own.length === 0) {
    refuse(
      'is asked about the drafts of another drafter. Give a draft model or a drafter such as suffix, or use the middle ' +
        'model as the draft model.',
    );
  }
  if (options.sparse !== undefined) {
    refuse(
      'stands where sparse verification puts the thinned target. Leave sparse away, or the middle model.',
    );
  }
  requireSameVocabulary(target, middle, ['target', 'middle model']);
  if (hasModel) requireSameVocabulary(middle, draft!, ['middle model', 'draft']);
}

/**
 * The context of a middle model, as the target's.
 * @throws {UnsupportedCacheError} when the model cannot go back in its state
 */
export async function createMiddleContext(
  options: EngineOptions,
  { contextSize }: ContextInfo,
  maxLeaves: number,
): Promise<Context | undefined> {
  const { middle } = options;
  if (middle === undefined) return undefined;
  const context = await middle.createContext({ maxLeaves, ...options.context, contextSize });
  if (context.info.rollback === 'full') return context;
  context.dispose();
  throw new UnsupportedCacheError(
    `The state of a ${middle.info.architecture} model does not go back to where the target rejects a draft, so that it ` +
      'cannot be a middle model. Use another one, or this one as the draft model.',
  );
}

/** A drafter that speculates with the middle model. */
export function middleDrafter(
  context: Context,
  drafter: Drafter,
  options: EngineOptions,
  siblings: OwnDraws,
  verifier: (sampling: SamplingParams) => Verifier,
): Drafter {
  const { target, middleTokens: numTokens = defaultMiddleTokens } = options;
  return new CascadeDrafter({
    drafter,
    verifier,
    middle: new SequenceMiddleModel({
      context,
      targetVocabSize: target.info.vocabSize,
      numTokens,
      tellsCandidates: drafter.numCandidates !== undefined,
    }),
    collect: () => NativeDistributionRows.pack([]),
    siblings,
    draws: options.draftDraws,
  });
}
