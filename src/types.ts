/** Index of a token in a model's vocabulary, in [0, vocabSize). */
export type TokenId = number;

/** Position of a token in a sequence, counted from 0. */
export type SequencePosition = number;

/** How likely a token was. */
export interface TokenLogprob {
  readonly token: TokenId;
  /** Natural log of its probability in the target's own distribution: the logits before any sampling parameter. */
  readonly logprob: number;
  /**
   * Natural log of its probability in the distribution that is sampled from: after penalties, temperature and truncation;
   * null where those leave it none.
   */
  readonly samplingLogprob: number | null;
}

/** An output token's log-probability and the tokens that were likeliest in its place. */
export interface TokenLogprobs extends TokenLogprob {
  /** Likeliest first by `logprob`; the output token may be among them. */
  readonly alternatives: readonly TokenLogprob[];
}

/**
 * How a row of logits becomes a distribution. Every field has a neutral default, so `{}` samples the
 * model's own distribution at temperature 1. The steps run in the order of the fields.
 */
export interface SamplingParams {
  /** Added to the logits of single tokens; -Infinity forbids a token. */
  readonly logitBias?: ReadonlyMap<TokenId, number> | undefined;
  /** Divides positive and multiplies negative logits of tokens seen in the last `penaltyLastN`; 1 is off. */
  readonly repeatPenalty?: number | undefined;
  /** Subtracted once per occurrence in the last `penaltyLastN` tokens; 0 is off. */
  readonly frequencyPenalty?: number | undefined;
  /** Subtracted once if the token occurs in the last `penaltyLastN` tokens; 0 is off. */
  readonly presencePenalty?: number | undefined;
  /** Tokens of history that the three penalties see, default 64; -1 is the whole history. */
  readonly penaltyLastN?: number | undefined;
  /** Strength of the DRY penalty on tokens that would extend a repeated run; 0 is off. */
  readonly dryMultiplier?: number | undefined;
  /** Growth of the DRY penalty per repeated token, default 1.75. */
  readonly dryBase?: number | undefined;
  /** Repeated runs of up to this many tokens are free of the DRY penalty, default 2. */
  readonly dryAllowedLength?: number | undefined;
  /** Tokens of history that DRY sees, default -1: the whole history. */
  readonly dryPenaltyLastN?: number | undefined;
  /** Tokens that end a repeated run for DRY; default none. */
  readonly drySequenceBreakers?: readonly TokenId[] | undefined;
  /** Divides the logits, default 1; 0 puts all mass on the largest logit (the smallest token id on a tie). */
  readonly temperature?: number | undefined;
  /** Keeps the K largest logits; 0 is off. */
  readonly topK?: number | undefined;
  /** Keeps the smallest set of likeliest tokens whose mass reaches P; 1 is off. */
  readonly topP?: number | undefined;
  /** Keeps tokens with at least this fraction of the likeliest token's probability; 0 is off. */
  readonly minP?: number | undefined;
  /** Keeps the smallest set of tokens whose surprise is nearest the entropy and whose mass reaches this; 1 is off. */
  readonly typicalP?: number | undefined;
}
