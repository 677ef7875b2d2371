// Options of a context, checked and in the addon's words.
import type { NativeContextOptions } from '../bindings/native.js';
import type { ComputePool } from './compute-pool.js';
import { rejectUnknownKeys, requireBoolean, requireInteger, requireOneOf } from './options.js';

const kvTypes = ['f32', 'f16', 'q8_0', 'q4_0'] as const;
const flashAttentionChoices = ['auto', 'on', 'off'] as const;

/** Element type of the KV cache. */
export type KvType = (typeof kvTypes)[number];

/** Options of {@link Model.createContext}. */
export interface ContextOptions {
  /** Cells of the KV cache in tokens; default: what the model was trained with, at most 8,192. */
  readonly contextSize?: number | undefined;
  /** Largest number of tokens of one decode, default 2,048. */
  readonly batchSize?: number | undefined;
  /** Tokens that llama.cpp computes at once, default 512. */
  readonly microBatchSize?: number | undefined;
  /** Independent sequences that share the cells, default 1. */
  readonly sequences?: number | undefined;
  /** Leaves that a token tree may have, default 16; 64 cost llama.cpp 0.1 ms more a decode. */
  readonly maxLeaves?: number | undefined;
  /** Tokens a recurrent model can go back, default 16; each costs a copy of its state. */
  readonly rollbackTokens?: number | undefined;
  /** Element type of K and V, default f16. */
  readonly kvType?: KvType | undefined;
  readonly flashAttention?: (typeof flashAttentionChoices)[number] | undefined;
  /** Keeps the KV cache on the device of its layers; default true, or false where the device has no room for it. */
  readonly offloadKv?: boolean | undefined;
  /** Threads of the shared pool, default: all cores. */
  readonly threads?: number | undefined;
  /** A pool of its own, for contexts that compute at the same time; wins over `threads`. */
  readonly pool?: ComputePool | undefined;
}

/** Context size in tokens where none is asked for and the model allows more. */
export const defaultContextSize = 8192;

const keys: Record<keyof ContextOptions, true> = {
  contextSize: true,
  batchSize: true,
  microBatchSize: true,
  sequences: true,
  maxLeaves: true,
  rollbackTokens: true,
  kvType: true,
  flashAttention: true,
  offloadKv: true,
  threads: true,
  pool: true,
};

/**
 * Checks options and fills in defaults.
 * @param trainContextSize  tokens the model was trained with; 0 when unknown
 * @throws {TypeError | RangeError} on unknown keys and values out of range
 */
export function nativeContextOptions(
  options: ContextOptions,
  trainContextSize: number,
): NativeContextOptions {
  rejectUnknownKeys('a context', options, Object.keys(keys));
  const trained = trainContextSize > 0 ? trainContextSize : defaultContextSize;
  const batchSize = requireInteger('batchSize', options.batchSize ?? 2048, 1, 2 ** 20);
  const sequences = requireInteger('sequences', options.sequences ?? 1, 1, 256);
  const leaves = requireInteger(
    'maxLeaves',
    options.maxLeaves ?? Math.min(16, 257 - sequences),
    1,
    257 - sequences,
  );
  const kvType = requireOneOf('kvType', options.kvType ?? 'f16', kvTypes);
  return {
    contextSize: requireInteger(
      'contextSize',
      options.contextSize ?? Math.min(trained, defaultContextSize),
      8,
    ),
    batchSize,
    microBatchSize: requireInteger(
      'microBatchSize',
      options.microBatchSize ?? Math.min(512, batchSize),
      1,
      batchSize,
    ),
    sequences,
    scratchSequences: leaves - 1,
    rollbackTokens: requireInteger('rollbackTokens', options.rollbackTokens ?? 16, 0, 256),
    kvTypeK: kvType,
    kvTypeV: kvType,
    flashAttention: requireOneOf('flashAttention', options.flashAttention ?? 'auto', flashAttentionChoices),
    offloadKv: requireBoolean('offloadKv', options.offloadKv ?? true),
  };
}
