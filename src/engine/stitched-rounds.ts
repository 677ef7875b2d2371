// Stitched decoding: the draft model writes what it is sure of, the target the rest. Lossy. Knows nothing of text.
import { undraftedRound } from '../metrics/counters.js';
import type { DistributionRows } from '../sampling/distribution.js';
import { Purpose, uniform } from '../sampling/random.js';
import { TokenTree } from '../tree/token-tree.js';
import type { TokenId } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import type { RoundResult, RoundStart } from './round.js';

/** What a model makes of a text. */
export interface NextToken {
  /** [1, vocabSize]: the next token under the sampling parameters. */
  readonly rows: DistributionRows;
  /**
   * True when the entropy of the model's own distribution, before any sampling parameter, is at most so much of that of
   * the uniform one: `H / ln(vocabSize) <= share`.
   * Cost: O(vocabSize), beside the copy of the logits that it reads.
   */
  isSure(share: number): boolean;
  /** Milliseconds of the decode, of all tokens that the model had not seen. */
  readonly decodeMs: number;
  /** Milliseconds from logits to rows. */
  readonly samplingMs: number;
}

/** A model that can write the next token; it keeps what it has read, which only grows. */
export interface Writer {
  /** Tokens that it can hold. */
  readonly contextSize: number;
  /** Tokens of its vocabulary. */
  readonly vocabSize: number;
  /** Begins a text with all but the last of these tokens. */
  begin(tokens: readonly TokenId[], signal: AbortSignal | undefined): Promise<void>;
  /** Reads what is new of the text, in one batch. */
  read(tokens: Int32Array, signal: AbortSignal | undefined): Promise<NextToken>;
}

/** Who wrote what. */
export interface StitchStats {
  /** Tokens that the draft model wrote, an end-of-generation token among them. */
  readonly draftTokens: number;
  /** As `draftTokens`, of the target. */
  readonly targetTokens: number;
  /** Tokens whose writer is not that of the token before. */
  readonly switches: number;
}

/** What {@link StitchedRounds} is made of. */
export interface StitchedRoundsOptions {
  readonly target: Writer;
  readonly draft: Writer;
  /** Normalised entropy up to which a model is sure, at least 0; 0: never, 1: always. */
  readonly threshold: number;
  /** Draws a token as it does after an empty draft. */
  readonly verifier: Verifier;
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
}

type WriterName = 'draft' | 'target';

/**
 * The rounds of one generation, each of one token. The draft model begins. Where it is sure of the next token it writes
 * it; where it is not, the target writes from there on, until it was sure of a token: the next one is the draft model's
 * again. Lossy wherever the draft model wrote anything: the output follows neither model's distribution.
 *
 * A model is sure when its entropy is at most `threshold` of the uniform distribution's. It is decided by the row alone,
 * before anything is drawn from it. A token is drawn by the uniform of its output position, whoever writes it, so that
 * threshold 0 says what the target says by itself, and 1 what the draft model does. Each model reads what the other wrote
 * when its turn comes, in one batch; nothing is ever taken back.
 *
 * @see Chen et al., R-Stitch, arXiv:2507.17307 (departures: the row decides, no token is drawn and discarded; at
 *   threshold 0 an entropy that rounds to 0 is not sure either)
 */
export class StitchedRounds {
  readonly #options: StitchedRoundsOptions;
  #turn: WriterName = 'draft';
  /** Tokens of the text that the draft model is known to have embeddings for. */
  #numKnown = 0;
  #last: WriterName | undefined;
  readonly #written = { draft: 0, target: 0 };
  #switches = 0;

  constructor(options: StitchedRoundsOptions) {
    this.#options = options;
  }

  get stats(): StitchStats {
    return {
      draftTokens: this.#written.draft,
      targetTokens: this.#written.target,
      switches: this.#switches,
    };
  }

  /** The draft model reads the prompt, where it may have to go on from it. */
  async begin(prompt: readonly TokenId[], signal: AbortSignal | undefined): Promise<void> {
    if (this.#canDraft(prompt)) await this.#options.draft.begin(prompt, signal);
  }

  /** Writes the next token. */
  async next({
    tokens,
    outputPosition,
  }: Pick<RoundStart, 'tokens' | 'outputPosition'>): Promise<RoundResult> {
    const { draft, target, threshold, signal } = this.#options;
    const startedAt = performance.now();
    if (this.#turn === 'draft' && this.#canDraft(tokens)) {
      const next = await draft.read(tokens, signal);
      if (this.#isSure(next)) {
        const token = this.#write('draft', next, outputPosition);
        return resultOf('accepted', token, { draftMs: performance.now() - startedAt, startedAt });
      }
      next.rows.release?.();
    }
    this.#turn = 'target';
    const draftMs = performance.now() - startedAt;
    const next = await target.read(tokens, signal);
    const readAt = performance.now();
    if (threshold > 0 && this.#isSure(next)) this.#turn = 'draft';
    const token = this.#write('target', next, outputPosition);
    const verifyMs = performance.now() - readAt + next.samplingMs;
    return resultOf('bonus', token, { draftMs, decodeMs: next.decodeMs, verifyMs, startedAt });
  }

  #isSure(next: NextToken): boolean {
    const { threshold } = this.#options;
    return threshold >= 1 || next.isSure(threshold);
  }

  /** False where the draft model is never asked, has no room or does not know a token. */
  #canDraft(tokens: ArrayLike<TokenId>): boolean {
    const { draft, threshold } = this.#options;
    if (threshold === 0 || tokens.length > draft.contextSize) return false;
    while (this.#numKnown < tokens.length && tokens[this.#numKnown]! < draft.vocabSize) this.#numKnown += 1;
    return this.#numKnown >= tokens.length;
  }

  #write(writer: WriterName, { rows }: NextToken, outputPosition: number): TokenId {
    const { verifier, seed } = this.#options;
    const { nextToken } = verifier.verify({
      tree: TokenTree.chain([]),
      targetProbs: rows,
      uniforms: {
        accept: new Float64Array(),
        sample: Float64Array.of(uniform(seed, Purpose.target, outputPosition)),
      },
    });
    rows.release?.();
    this.#written[writer] += 1;
    if (this.#last !== undefined && this.#last !== writer) this.#switches += 1;
    this.#last = writer;
    return nextToken;
  }
}

/** A round of one token: `accepted` from the draft model as it stands, `bonus` from the target. */
function resultOf(
  kind: 'accepted' | 'bonus',
  token: TokenId,
  times: { draftMs: number; decodeMs?: number; verifyMs?: number; startedAt: number },
): RoundResult {
  const { draftMs, decodeMs = 0, verifyMs = 0, startedAt } = times;
  const roundMs = performance.now() - startedAt;
  const record = undraftedRound({ isPlain: false, draftMs, decodeMs, verifyMs, roundMs });
  return { tokens: [token], nextTokenKind: kind, record };
}
