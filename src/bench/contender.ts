// Somebody who answers, as the benchmark sees them: this engine or a peer.
import type { Engine } from '../engine/engine.js';
import type { GenerationStats, GuardReport, RoundRecord } from '../metrics/counters.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { Peer } from './peer.js';
import type { SyntheticDrafter } from './synthetic-drafter.js';

/** One question with everything before it. */
export interface TurnRequest {
  /** Special tokens written out. */
  readonly text: string;
  /** The same as tokens. */
  readonly tokens: Int32Array;
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
  readonly seed: number;
  readonly ignoreEos: boolean;
  /** The answer of plain decoding under this seed, where it is known. */
  readonly plainAnswer: readonly TokenId[] | undefined;
}

/** One answer; times in milliseconds. */
export interface TurnAnswer {
  readonly text: string;
  /** True where the text may hold more than the answer: it is not to be compared. */
  readonly isTextUncertain?: boolean | undefined;
  /** undefined where a peer does not tell them. */
  readonly tokens: readonly TokenId[] | undefined;
  readonly outputTokens: number;
  readonly promptTokens: number;
  readonly decodeMs: number;
  /** Tokens that `decodeMs` is the time of. */
  readonly decodedTokens: number;
  readonly firstTokenMs: number;
  readonly wallMs: number;
  readonly draftTokens: number;
  readonly acceptedTokens: number;
  /** Rounds that drafted or were to; empty for peers. */
  readonly rounds: readonly RoundRecord[];
  readonly plainRounds: number;
  readonly times: {
    readonly draft: number;
    readonly decode: number;
    readonly verify: number;
    readonly overhead: number;
  } | null;
  readonly guard: string;
  /** What the guard did in the end; `off` for peers. */
  readonly guardState: GuardReport['state'];
  readonly quality: { readonly totalVariation: number; readonly topAgreement: number } | null;
  /** Total variation distance that a lossy rule spent, summed over positions; null under a rule that counts none. */
  readonly bias: number | null;
  readonly lossless: boolean;
}

/** Answers questions, one at a time. */
export interface Contender {
  /** Forgets everything that was said. */
  forget(): Promise<void>;
  answer(request: TurnRequest): Promise<TurnAnswer>;
}

/** This engine, perhaps with drafts that know the answer. */
export class EngineContender implements Contender {
  readonly #engine: Engine;
  readonly #synthetic: SyntheticDrafter | undefined;

  constructor(engine: Engine, synthetic?: SyntheticDrafter) {
    this.#engine = engine;
    this.#synthetic = synthetic;
  }

  forget(): Promise<void> {
    return this.#engine.sequence.truncate(0);
  }

  async answer(request: TurnRequest): Promise<TurnAnswer> {
    const { tokens: prompt, maxTokens, sampling, seed, ignoreEos, plainAnswer = [] } = request;
    this.#synthetic?.foresee([...prompt, ...plainAnswer]);
    const rounds: RoundRecord[] = [];
    const begin: RoundRecord[] = [];
    const startedAt = performance.now();
    const generation = this.#engine.generate(prompt, { maxTokens, sampling, seed, ignoreEos });
    for await (const event of generation) {
      if (event.type !== 'round') continue;
      if (begin.length < 2) begin.push(event.round);
      if (!event.round.isPlain) rounds.push(event.round);
    }
    const wallMs = performance.now() - startedAt;
    const verifier = this.#engine.verifierFor({ temperature: sampling.temperature ?? 1 });
    const { stats, text, tokens, sparse, lossless } = generation.result;
    return {
      text,
      tokens,
      ...{ outputTokens: stats.outputTokens, promptTokens: stats.promptTokens },
      ...decoded(stats, begin),
      firstTokenMs: stats.timeToFirstTokenMs,
      wallMs,
      ...{ draftTokens: stats.draftTokens, acceptedTokens: stats.acceptedTokens },
      rounds: this.#engine.drafterName === 'none' ? [] : rounds,
      plainRounds: stats.guard.plainRounds,
      times: {
        draft: stats.draftMs,
        decode: stats.decodeMs,
        verify: stats.verifyMs,
        overhead: stats.overheadMs,
      },
      ...{ guard: stats.guard.reason, guardState: stats.guard.state },
      quality:
        sparse === undefined || sparse.totalVariation === null || sparse.topAgreement === null
          ? null
          : { totalVariation: sparse.totalVariation, topAgreement: sparse.topAgreement },
      bias: verifier.lossless ? null : stats.bias,
      lossless,
    };
  }
}

/**
 * A first token that came by itself before drafts is left out, as peers leave theirs out: their clocks start with it. In plain
 * decoding it is one like all others, and when each is told says little of what it took.
 */
function decoded(
  { outputTokens, draftMs, decodeMs, verifyMs, overheadMs }: GenerationStats,
  [first, second]: readonly RoundRecord[],
): Pick<TurnAnswer, 'decodedTokens' | 'decodeMs'> {
  const ms = draftMs + decodeMs + verifyMs + overheadMs;
  if (first?.numDraftTokens === 0 && (second?.numDraftTokens ?? 0) > 0)
    return { decodedTokens: outputTokens - 1, decodeMs: ms - first.roundMs };
  return { decodedTokens: outputTokens, decodeMs: ms };
}

/** A peer, which starts each answer from nothing. */
export class PeerContender implements Contender {
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  forget(): Promise<void> {
    return Promise.resolve();
  }

  async answer({ text, maxTokens, sampling, seed, ignoreEos }: TurnRequest): Promise<TurnAnswer> {
    const answer = await this.#peer.generate({ prompt: text, maxTokens, sampling, seed, ignoreEos });
    return {
      ...answer,
      tokens: answer.tokens,
      decodedTokens: Math.max(0, answer.outputTokens - 1),
      ...{
        rounds: [],
        plainRounds: 0,
        times: null,
        guard: '',
        guardState: 'off',
        quality: null,
        bias: null,
        lossless: true,
      },
    };
  }
}
