// Options of sparse verification, checked.
import { rejectUnknownKeys, requireInteger, requireOneOf } from '../model/options.js';
import { defaultBlockSize } from '../sparse/plan.js';
import type { SparseAttentionOptions } from '../sparse/policy.js';

/** Skipped experts as options give them. */
export interface SparseExpertOptions {
  readonly skipped: number;
  readonly rule?: 'median' | 'always' | undefined;
  /** As {@link ExpertPlan}. */
  readonly loneShare?: number | undefined;
  /** Times the calibration's median shares, above 0, default 1: with less, fewer experts are light enough. */
  readonly shareScale?: number | undefined;
}

/** What the target may leave out while it verifies, and what becomes of the difference. */
export interface SparseOptions {
  /**
   * `always`, the default, thins out every batch that is long enough; `auto` those that it makes faster here, by measured
   * times, each part by itself. With `auto` and no part, attention to 1,024 tokens and, where there is a calibration, a
   * quarter of the experts at most, as far as the model has them.
   */
  readonly policy?: 'auto' | 'always' | undefined;
  /** Contexts up to so many tokens are read whole, and of longer ones so many; or more said about it. */
  readonly attention?: number | SparseAttentionOptions | undefined;
  /**
   * Experts that a token skips at most: the m lightest ones where they have less of its weights than they have of half of
   * the calibration's tokens. With the rule `always`, it skips so many whatever they weigh.
   */
  readonly experts?: number | SparseExpertOptions | undefined;
  /**
   * Blocks of feed-forward channels whose activation is below this for all tokens of a batch are left out, in layers in
   * which the calibration saw such blocks. The target has to be loaded with `repackWeights: false`.
   */
  readonly feedForward?: number | undefined;
  /** Calibration file; default the one beside the model if there is one, false: none. */
  readonly calibration?: string | false | undefined;
  /**
   * `dense`, the default, is lossless: what the thinned target says is a draft, and a dense batch verifies it every
   * `recheckTokens` tokens. The guard leaves it to rounds without recheck where those are faster. `off` is lossy, and the
   * output says so.
   */
  readonly recheck?: 'dense' | 'off' | undefined;
  /** Tokens that a dense batch verifies at most; `auto`, the default: what the guard finds best, 16 without it. */
  readonly recheckTokens?: number | 'auto' | undefined;
  /**
   * Without recheck, every so many thinned batches are decoded densely, too, and compared; default 16, 1 is each batch, 0
   * none.
   */
  readonly auditEvery?: number | undefined;
}

/** {@link SparseExpertOptions} with every default filled in. */
export interface ResolvedExpertOptions {
  readonly skipped: number;
  readonly rule: 'median' | 'always';
  readonly loneShare: number;
  readonly shareScale: number;
}

/** {@link SparseOptions} with every default filled in. */
export interface ResolvedSparseOptions {
  readonly policy: 'auto' | 'always';
  readonly attention: SparseAttentionOptions | undefined;
  readonly experts: ResolvedExpertOptions | undefined;
  readonly feedForward: number | undefined;
  readonly calibration: string | false | undefined;
  readonly recheck: 'dense' | 'off';
  readonly recheckTokens: number | 'auto';
  readonly auditEvery: number;
}

const keys: Record<keyof SparseOptions, true> = {
  policy: true,
  attention: true,
  experts: true,
  feedForward: true,
  calibration: true,
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
const blockSizes = [4, 8, 16, 32, 64, 128, 256];

/** @throws {TypeError | RangeError} on unknown keys and values out of range */
export function resolveSparseOptions(options: SparseOptions): ResolvedSparseOptions {
  rejectUnknownKeys('sparse verification', options, Object.keys(keys));
  const { attention, experts, feedForward } = options;
  const policy = requireOneOf('sparse policy', options.policy ?? 'always', ['auto', 'always']);
  const isEmpty = attention === undefined && experts === undefined && feedForward === undefined;
  if (policy === 'always' && isEmpty) {
    throw new TypeError(
      'Expected attention, experts or feedForward for sparse verification but received none',
    );
  }
  if (feedForward !== undefined && !(feedForward > 0 && Number.isFinite(feedForward))) {
    throw new RangeError(`Expected a number above 0 for sparse feedForward but received ${feedForward}`);
  }
  return {
    policy,
    attention: attention === undefined ? undefined : checkedAttention(attention),
    experts: experts === undefined ? undefined : checkedExperts(experts),
    feedForward,
    calibration: options.calibration,
    recheck: requireOneOf('sparse recheck', options.recheck ?? 'dense', ['dense', 'off']),
    recheckTokens: checkedRun(options.recheckTokens ?? 'auto'),
    auditEvery: checkedAudit(options),
  };
}

function checkedRun(tokens: number | 'auto'): number | 'auto' {
  return tokens === 'auto' ? tokens : requireInteger('recheckTokens', tokens, 2, 256);
}

function checkedAudit({ auditEvery, recheck = 'dense' }: SparseOptions): number {
  const every = requireInteger('auditEvery', auditEvery ?? 16, 0);
  if (auditEvery === undefined || recheck === 'off') return every;
  throw new TypeError(
    `Expected the sparse recheck off with auditEvery, for a recheck is exact, but received auditEvery ${auditEvery}`,
  );
}

function checkedExperts(experts: number | SparseExpertOptions): ResolvedExpertOptions {
  const options = typeof experts === 'object' ? experts : { skipped: experts };
  rejectUnknownKeys('sparse experts', options, ['skipped', 'rule', 'loneShare', 'shareScale']);
  const { loneShare = 0, shareScale = 1 } = options;
  if (!(shareScale > 0 && Number.isFinite(shareScale))) {
    throw new RangeError(
      `Expected a number above 0 for the shareScale of experts but received ${shareScale}`,
    );
  }
  if (!(loneShare >= 0 && loneShare <= 1)) {
    throw new RangeError(
      `Expected a number in [0, 1] for the loneShare of experts but received ${loneShare}`,
    );
  }
  return {
    skipped: requireInteger('skipped experts', options.skipped, loneShare > 0 ? 0 : 1),
    loneShare,
    shareScale,
    rule: requireOneOf('the rule of sparse experts', options.rule ?? 'median', ['median', 'always']),
  };
}

function checkedAttention(attention: number | SparseAttentionOptions): SparseAttentionOptions {
  const options = typeof attention === 'object' ? attention : { tokens: attention };
  rejectUnknownKeys('sparse attention', options, Object.keys(attentionKeys));
  const { ratio = 0, blockSize = defaultBlockSize } = options;
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
