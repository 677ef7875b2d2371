// Another engine on the same model, prompts and tokens. Knows nothing of how it is measured.
import type { ContextOptions } from '../model/context-options.js';
import type { SamplingParams } from '../types.js';

/** What a peer is asked for. */
export interface PeerRequest {
  /** The whole prompt as text, special tokens written out, as the target's chat template renders it. */
  readonly prompt: string;
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
  readonly seed: number;
  /** Goes on past end-of-generation tokens. */
  readonly ignoreEos: boolean;
}

/** What a peer brought. */
export interface PeerAnswer {
  readonly text: string;
  /** True where the text may hold more than the answer. */
  readonly isTextUncertain?: boolean | undefined;
  /** undefined where the peer does not tell its tokens. */
  readonly tokens?: readonly number[] | undefined;
  readonly outputTokens: number;
  readonly promptTokens: number;
  /** Milliseconds from the first to the last output token. */
  readonly decodeMs: number;
  readonly firstTokenMs: number;
  readonly wallMs: number;
  readonly draftTokens: number;
  readonly acceptedTokens: number;
}

/** What peers are started with: the same as this engine. */
export interface PeerSettings {
  readonly targetPath: string;
  readonly draftPath: string | undefined;
  readonly threads: number;
  readonly contextSize: number;
  /** Tokens of one decode at most, default as the peer has it. */
  readonly batchSize?: number | undefined;
  /** Of the target's and the draft's KV cache, default f16. */
  readonly kvType?: ContextOptions['kvType'];
  readonly flashAttention?: ContextOptions['flashAttention'];
  /** Layers of the target that plain decoding has on a GPU, where no peer computes; default 0. */
  readonly gpuLayers?: number | undefined;
  /** Draft tokens of a round. */
  readonly numDraft: number;
  /** Path of the peer's binary, for those that have one. */
  readonly binary: string | undefined;
}

/** A running peer. */
export interface Peer {
  readonly name: string;
  /** Its version, as it tells it. */
  readonly version: string;
  /** Everything that it was started with, as one line. */
  readonly settings: string;
  generate(request: PeerRequest): Promise<PeerAnswer>;
  close(): Promise<void>;
}
