// A sequence that reads a text and tells what comes next. Knows nothing of who else writes it.
import { IncompatibleMethodsError } from '../errors.js';
import type { Context } from '../model/context.js';
import { Sampler } from '../model/sampler.js';
import type { Sequence } from '../model/sequence.js';
import { isEntropyAtMost } from '../sampling/entropy.js';
import type { TokenId } from '../types.js';
import type { ResolvedGenerateOptions } from './options.js';
import {
  StitchedRounds,
  type NextToken,
  type StitchedRoundsOptions,
  type Writer,
} from './stitched-rounds.js';

/** A writer that computes; its sequence holds all but the last token of the text. */
export class SequenceWriter implements Writer {
  readonly contextSize: number;
  readonly vocabSize: number;
  readonly #sequence: Sequence;
  readonly #sampler: Sampler;
  readonly #vocabLimit: number;

  /** @param vocabLimit  token ids from here on are never written */
  constructor(sequence: Sequence, sampler: Sampler, vocabLimit: number) {
    this.#sequence = sequence;
    this.#sampler = sampler;
    this.contextSize = sequence.context.info.contextSize;
    this.vocabSize = sequence.context.model.info.vocabSize;
    this.#vocabLimit = Math.min(vocabLimit, this.vocabSize);
  }

  async begin(tokens: readonly TokenId[], signal: AbortSignal | undefined): Promise<void> {
    await this.#sequence.prefill(tokens.slice(0, -1), { signal });
  }

  async read(tokens: Int32Array, signal: AbortSignal | undefined): Promise<NextToken> {
    const sequence = this.#sequence;
    if (tokens.length - sequence.length > sequence.context.info.batchSize) {
      await sequence.prefill(tokens.subarray(0, -1), { signal });
    }
    const batch = tokens.slice(sequence.length);
    const last = batch.length - 1;
    const { rows, decodeMs, samplingMs } = await sequence.decode({
      tokens: batch,
      outputs: [last],
      sampler: this.#sampler,
      vocabLimit: this.#vocabLimit,
      keepsLogits: true,
      signal,
    });
    sequence.commit(last);
    const { vocabSize } = this;
    const isSure = (share: number): boolean =>
      isEntropyAtMost(share * Math.log(vocabSize), vocabSize, (count) => rows.likeliest(0, count));
    return { rows, isSure, decodeMs, samplingMs };
  }
}

/** The models that take turns, and how. */
export interface StitchedParts extends Pick<StitchedRoundsOptions, 'threshold' | 'verifier'> {
  readonly context: Context;
  readonly draftContext: Context;
}

/**
 * The rounds of a generation in which target and draft model take turns.
 * @throws {IncompatibleMethodsError} when log-probabilities are asked for
 */
export function stitchedRounds(
  { sampling, seed, signal, logprobs }: ResolvedGenerateOptions,
  { context, draftContext, threshold, verifier }: StitchedParts,
): StitchedRounds {
  if (logprobs !== undefined) {
    throw new IncompatibleMethodsError(
      "Log-probabilities are the target's, which stitched decoding does not ask about every token. Leave logprobs away, " +
        'or stitch.',
    );
  }
  const sampler = new Sampler(sampling);
  const { vocabSize } = context.model.info;
  const writer = (from: Context) => new SequenceWriter(from.sequence(), sampler, vocabSize);
  const [target, draft] = [writer(context), writer(draftContext)];
  return new StitchedRounds({ target, draft, threshold, verifier, seed, signal });
}
