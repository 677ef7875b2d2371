// Options of engines and generations, checked. Knows nothing of how they are used.
import type { Drafter } from '../draft/drafter.js';
import type { ContextOptions } from '../model/context-options.js';
import type { Model } from '../model/model.js';
import { rejectUnknownKeys, requireBoolean, requireInteger } from '../model/options.js';
import { resolveSampling, type ResolvedSampling } from '../sampling/params.js';
import { parseTreeShape, type AutoShape, type TreeShape } from '../tree/tree-shape.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import { resolveSparseOptions, type ResolvedSparseOptions, type SparseOptions } from './sparse-options.js';

/** Options of {@link createEngine}. */
export interface EngineOptions {
  readonly target: Model;
  /** The draft model; without it, and without a drafter, decoding is plain. */
  readonly draft?: Model | undefined;
  /**
   * A model between drafter and target: what the drafter proposes is verified by it, losslessly, and what it says is the draft
   * that the target sees. Needs a drafter, which `tree` is the shape of; without `sparse` and `stitch`.
   */
  readonly middle?: Model | undefined;
  /** Tokens of the middle model's drafts at most, in [1, 128], default 8. */
  readonly middleTokens?: number | undefined;
  /**
   * Names, or drafters of your own; several fill one tree. `auto` is `none` without a draft model; with one it is `model` and,
   * where the guard alone decides over tree and verifier and the target's state can branch, `suffix`. `prompt-lookup`,
   * `suffix`, `token-recycling` and `retrieval` need no model.
   */
  readonly drafter?: string | Drafter | readonly (string | Drafter)[] | undefined;
  /** Datastore of the drafter `retrieval`; default the one of the target's tokenizer in the user's cache folder. */
  readonly datastore?: string | undefined;
  /** A name or a rule of your own; `auto` is `match` at temperature 0 and without a drafter, else `block` on chains and `traversal` on trees. */
  readonly verifier?: string | Verifier | undefined;
  /** Over-acceptance of the lossy verifier `pareto`, in units of probability. */
  readonly epsilon?: number | undefined;
  /**
   * Shape of the draft as {@link parseTreeShape} reads it; of a drafter of your own it only bounds the size. Default `auto`, which
   * is `auto:12` where the guard takes of it what pays and `auto:4` without it, with a middle model and with a thinned target.
   */
  readonly tree?: string | undefined;
  /** The target's context. */
  readonly context?: ContextOptions | undefined;
  /** The draft model's context, default as the target's. */
  readonly draftContext?: ContextOptions | undefined;
  /** The draft model stops before a draw whose row has no token of at least this probability, default 0: never. */
  readonly minDraftProbability?: number | undefined;
  /** How the draft model draws; `auto` samples where the verifier needs draft probabilities. */
  readonly draftDraws?: 'auto' | 'argmax' | 'sampled' | undefined;
  /**
   * Temperature of the draft model's draws as a factor of the target's; lossless at any. Below 1 more is accepted of a draft
   * model that is less sure than the target: `auto` takes the one at which the rows of both overlapped most in the engine's
   * rounds before, so that its answers do not repeat under a seed; it is 1 under `topP` and `typicalP`. Default `auto` under
   * the guard and 1 without. Without a part where the likeliest tokens are drafted.
   */
  readonly draftTemperature?: number | 'auto' | undefined;
  /** Keeps what is learnt of the pair's acceptance in the user's cache folder, for trees that grow by it, default true. */
  readonly keepAcceptance?: boolean | undefined;
  /** What the target leaves out while it verifies; default nothing. */
  readonly sparse?: SparseOptions | undefined;
  /**
   * Lossy: the draft model writes tokens while the entropy of its distribution, divided by that of the uniform one, is at
   * most this; then the target does, until its own is. At least 0; 0 is the target alone, 1 the draft model alone, 0.02 a
   * usual value. In place of drafts and verifiers, so without `verifier`, `sparse`, `tree` and other drafters; the guard
   * has no part in it.
   */
  readonly stitch?: number | undefined;
  /** Mixes in a few plain rounds to measure the speedup, default true. */
  readonly measureSpeedup?: boolean | undefined;
  /**
   * Decides round by round how much to draft, and stops speculation that does not pay, default true. Costs are measured
   * when the engine is created, for two seconds at most, and kept in the user's cache folder.
   */
  readonly guard?: boolean | undefined;
  /** Measures costs anew, and after so many tokens of context each, too: half a second longer for each. */
  readonly measureContexts?: readonly number[] | undefined;
  /** Called with the share that is done while costs are measured. */
  readonly onMeasure?: ((share: number) => void) | undefined;
}

/** Options of {@link Engine.generate}. */
export interface GenerateOptions {
  /** Output tokens at most, default 256. */
  readonly maxTokens?: number | undefined;
  readonly sampling?: SamplingParams | undefined;
  /** Integer in [0, 2^53), default 0. */
  readonly seed?: number | undefined;
  /** Texts that end the generation; they are not part of it. */
  readonly stop?: readonly string[] | undefined;
  /** Treats end-of-generation tokens as ordinary ones, default false. */
  readonly ignoreEos?: boolean | undefined;
  /**
   * Tells each output token's log-probability and so many of the likeliest tokens in its place, in [0, 1000]; default
   * undefined: none. Costs a copy of the logits, and plain decoding a crossing for each token.
   */
  readonly logprobs?: number | undefined;
  /** Reads special tokens written in a prompt text, default false. */
  readonly parseSpecial?: boolean | undefined;
  /** Ends the generation: iterating rejects with `signal.reason`, and `result` keeps what was produced. */
  readonly signal?: AbortSignal | undefined;
}

/** {@link GenerateOptions} with every default filled in. */
export interface ResolvedGenerateOptions {
  readonly maxTokens: number;
  readonly sampling: ResolvedSampling;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly logprobs: number | undefined;
  readonly ignoreEos: boolean;
  readonly parseSpecial: boolean;
  readonly signal: AbortSignal | undefined;
}

const engineKeys: Record<keyof EngineOptions, true> = {
  target: true,
  draft: true,
  middle: true,
  middleTokens: true,
  drafter: true,
  datastore: true,
  verifier: true,
  epsilon: true,
  tree: true,
  context: true,
  draftContext: true,
  minDraftProbability: true,
  draftDraws: true,
  draftTemperature: true,
  measureSpeedup: true,
  keepAcceptance: true,
  guard: true,
  onMeasure: true,
  measureContexts: true,
  sparse: true,
  stitch: true,
};

const generateKeys: Record<keyof GenerateOptions, true> = {
  maxTokens: true,
  sampling: true,
  seed: true,
  stop: true,
  ignoreEos: true,
  logprobs: true,
  parseSpecial: true,
  signal: true,
};

/** Draft tokens of a round at most where no size is given and the guard takes as many of them as pay. */
const guardedNodes = 12;

/** True where every draft is the guard's: a middle model and a thinned target draft by themselves. */
export const isGuardedAlone = ({ guard = true, middle, sparse }: EngineOptions): boolean =>
  guard && middle === undefined && sparse === undefined;

/**
 * Checks what can be checked before anything is created.
 * @throws {TypeError | RangeError} on unknown keys and values out of range
 */
export function checkEngineOptions(options: EngineOptions): {
  readonly shape: TreeShape | AutoShape;
  readonly sparse: ResolvedSparseOptions | undefined;
} {
  rejectUnknownKeys('an engine', options, Object.keys(engineKeys));
  const { minDraftProbability = 0, draftDraws = 'auto', draftTemperature = 'auto' } = options;
  if (!(minDraftProbability >= 0 && minDraftProbability <= 1)) {
    throw new RangeError(
      `Expected a number in [0, 1] for minDraftProbability but received ${minDraftProbability}`,
    );
  }
  if (!['auto', 'argmax', 'sampled'].includes(draftDraws)) {
    throw new TypeError(`Expected auto, argmax or sampled for draftDraws but received ${draftDraws}`);
  }
  if (draftTemperature !== 'auto' && !(draftTemperature > 0 && draftTemperature < Infinity)) {
    throw new RangeError(
      `Expected auto or a number above 0 for draftTemperature but received ${draftTemperature}. For the likeliest tokens use draftDraws argmax`,
    );
  }
  if (options.epsilon !== undefined && options.verifier !== 'pareto') {
    throw new TypeError(`Expected the verifier pareto with epsilon but received epsilon ${options.epsilon}`);
  }
  const { stitch = 0 } = options;
  if (!(typeof stitch === 'number' && stitch >= 0)) {
    throw new RangeError(`Expected a number of at least 0 for stitch but received ${stitch}`);
  }
  requireBoolean('measureSpeedup', options.measureSpeedup ?? true);
  requireBoolean('keepAcceptance', options.keepAcceptance ?? true);
  requireBoolean('guard', options.guard ?? true);
  return {
    shape: parseTreeShape(options.tree ?? 'auto', isGuardedAlone(options) ? guardedNodes : undefined),
    sparse: options.sparse && resolveSparseOptions(options.sparse),
  };
}

/**
 * Checks the options of a generation and fills in defaults.
 * @throws {TypeError | RangeError} on unknown keys and values out of range
 */
export function resolveGenerateOptions(options: GenerateOptions, vocabSize: number): ResolvedGenerateOptions {
  rejectUnknownKeys('a generation', options, Object.keys(generateKeys));
  const sampling = resolveSampling(options.sampling);
  requireTokens('logitBias', [...sampling.logitBias!.keys()], vocabSize);
  requireTokens('drySequenceBreakers', sampling.drySequenceBreakers!, vocabSize);
  return {
    maxTokens: requireInteger('maxTokens', options.maxTokens ?? 256, 0),
    sampling,
    seed: requireInteger('seed', options.seed ?? 0, 0, Number.MAX_SAFE_INTEGER),
    stop: options.stop ?? [],
    logprobs:
      options.logprobs === undefined ? undefined : requireInteger('logprobs', options.logprobs, 0, 1000),
    ignoreEos: requireBoolean('ignoreEos', options.ignoreEos ?? false),
    parseSpecial: requireBoolean('parseSpecial', options.parseSpecial ?? false),
    signal: options.signal,
  };
}

/** @throws {RangeError} when a token is not in the vocabulary */
export function requireTokens(name: string, tokens: ArrayLike<TokenId>, vocabSize: number): void {
  const wrong = Array.from(tokens).find(
    (token) => !(Number.isInteger(token) && token >= 0 && token < vocabSize),
  );
  if (wrong === undefined) return;
  throw new RangeError(`Expected token ids in [0, ${vocabSize}) for ${name} but received ${wrong}`);
}
