// Options of sparse verification, checked.
import { rejectUnknownKeys, requireInteger, requireOneOf } from '../model/options.js';
import type { SparseAttentionOptions } from '../sparse/policy.js';

/** What the target may leave out while it verifies, and what becomes of the difference. */
export interface SparseOptions {
  /** Contexts up to so many tokens are read whole, and of longer ones so many; or more said about it. */
  readonly attention: number | SparseAttentionOptions;
  /**
   * `dense`, the default, is lossless: what the thinned target says is a draft, and a dense batch verifies it every
   * `recheckTokens` tokens. `off` is lossy, and the output says so.
   */
  readonly recheck?: 'dense' | 'off' | undefined;
  /** Tokens that a dense batch verifies at most, default 16. */
  readonly recheckTokens?: number | undefined;
  /** Without recheck, every so many thinned batches are decoded densely, too, and compared; default 16, 0 is never. */
  readonly auditEvery?: number | undefined;
}

/** {@link SparseOptions} with every default filled in. */
export interface ResolvedSparseOptions {
  readonly attention: SparseAttentionOptions;
  readonly recheck: 'dense' | 'off';
  readonly recheckTokens: number;
  readonly auditEvery: number;
}

const keys: Record<keyof SparseOptions, true> = {
  attention: true,
  recheck: true,
  recheckTokens: true,
  auditEvery: true,
};
const attentionKeys: Record<keyof SparseAttentionOptions, true> = {
  tokens: true,
  ratio: true,
  blockSize: true,
  sinkTokens: true,
  localTokens: true,
  anchors: true,
};
const blockSizes = [8, 16, 32, 64, 128, 256];

/** @throws {TypeError | RangeError} on unknown keys and values out of range */
export function resolveSparseOptions(options: SparseOptions): ResolvedSparseOptions {
  rejectUnknownKeys('sparse verification', options, Object.keys(keys));
  const attention = typeof options.attention === 'object' ? options.attention : { tokens: options.attention };
  return {
    attention: checkedAttention(attention),
    recheck: requireOneOf('sparse recheck', options.recheck ?? 'dense', ['dense', 'off']),
    recheckTokens: requireInteger('recheckTokens', options.recheckTokens ?? 16, 2, 256),
    auditEvery: requireInteger('auditEvery', options.auditEvery ?? 16, 0),
  };
}

function checkedAttention(options: SparseAttentionOptions): SparseAttentionOptions {
  rejectUnknownKeys('sparse attention', options, Object.keys(attentionKeys));
  const { ratio = 0, blockSize = 16 } = options;
  requireInteger('the tokens of sparse attention', options.tokens, 1);
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new RangeError(
      `Expected a number in [0, 1] for the ratio of sparse attention but received ${ratio}`,
    );
  }
  if (!blockSizes.includes(blockSize)) {
    throw new RangeError(`Expected one of ${blockSizes.join(', ')} for blockSize but received ${blockSize}`);
  }
  requireInteger('sinkTokens', options.sinkTokens ?? 0, 0);
  requireInteger('localTokens', options.localTokens ?? 0, 0);
  const anchors = options.anchors ?? [];
  anchors.forEach((layer, index) => {
    requireInteger('a layer of anchors', layer, index === 0 ? 0 : anchors[index - 1]! + 1);
  });
  return options;
}
