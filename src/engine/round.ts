// One round: draft -> decode -> verify -> commit. Knows nothing of text or of when to stop.
import type { Draft, Drafter } from '../draft/drafter.js';
import type { RoundRecord } from '../metrics/counters.js';
import { Purpose, uniform } from '../sampling/random.js';
import { ROOT, TokenTree, type NodeIndex } from '../tree/token-tree.js';
import type { SamplingParams, TokenId, TokenLogprobs } from '../types.js';
import type { RoundUniforms, Verdict, Verifier } from '../verify/verifier.js';
import type { RoundPlan } from '../cost/round-planner.js';
import { cutDraft } from './draft-cut.js';
import type { DecodedTree, Target } from './target.js';

/** What stays the same from round to round. */
export interface RoundSetup {
  readonly target: Target;
  readonly drafter: Drafter | undefined;
  readonly verifier: Verifier;
  readonly sampling: SamplingParams;
  readonly seed: number;
  /** Tokens that end the text; undefined: none does. */
  readonly isEnd?: ((token: TokenId) => boolean) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Where a round starts. */
export interface RoundStart {
  /** [numTokens]: prompt and output so far; the last one is not in the target's cache yet. A view. */
  readonly tokens: Int32Array;
  /** Output tokens so far: the position that keys the round's uniforms. */
  readonly outputPosition: number;
  readonly plan: RoundPlan;
  /** The drafter has not begun this text yet; what it takes to is part of the draft. */
  readonly isBeginning?: boolean | undefined;
}

/** What a round brought. */
export interface RoundResult {
  /** Accepted tokens, then the recovered or bonus token. */
  readonly tokens: readonly TokenId[];
  /** Of the last token; `accepted` where the draft model wrote it and nobody verified it. */
  readonly nextTokenKind: Verdict['nextTokenKind'] | 'accepted';
  /** As `tokens`; undefined where the target was not asked for them. */
  readonly logprobs?: readonly TokenLogprobs[] | undefined;
  /** Of a token that was drawn by itself, in the row that it was drawn from; undefined where nobody tells. */
  readonly probability?: number | undefined;
  /** What was drafted; undefined where nothing was. */
  readonly draft?: DraftedRound | undefined;
  readonly record: RoundRecord;
}

/** A round's tree and what came of it. */
export interface DraftedRound {
  readonly tree: TokenTree;
  /** [numNodes]: the drafters that a node came from, where there are several. */
  readonly sources?: readonly string[] | undefined;
  readonly acceptedNodes: readonly NodeIndex[];
  /** The recovered or bonus token. */
  readonly nextToken: TokenId;
}

const noDraft: Draft = { tree: TokenTree.chain([]) };

/**
 * Runs one round. When it fails, target and drafter are as they were before it.
 *
 * Uniforms of drafts and acceptances are keyed by the output position at which the round starts and the node, so that no
 * two rounds share one: block verification looks at uniforms below the accepted path, and a second use would be biased.
 * Uniforms that draw output tokens are keyed by the output position of the token; each is used once, because a round
 * that draws at a position ends there.
 */
export async function runRound(setup: RoundSetup, start: RoundStart): Promise<RoundResult> {
  const { target, drafter, verifier, signal } = setup;
  const startedAt = performance.now();
  const { kept: draft, learn } = cutDraft(await propose(setup, start), start.plan.selector);
  const draftedAt = performance.now();
  try {
    const { tree } = draft;
    const numFillTokens = Math.max(0, (start.plan.numBatchNodes ?? 0) - tree.numNodes);
    const decoded = await target.decode(...batchOf(start.tokens.at(-1)!, tree, numFillTokens), signal);
    const { rows, decodeMs, samplingMs } = decoded;
    const decodedAt = performance.now();
    const verdict = verifier.verify({
      tree,
      draftProbs: draft.draftProbs,
      targetProbs: rows,
      uniforms: roundUniforms(setup.seed, start.outputPosition, tree),
    });
    if (draft.draftProbs !== undefined && tree.numNodes > 0) drafter?.compare?.(draft.draftProbs, rows);
    const tokens = [...verdict.acceptedNodes.map((node) => tree.tokens[node]!), verdict.nextToken];
    const logprobs = logprobsOf(decoded, tokens, verdict.acceptedNodes);
    const candidates = candidatesOf(decoded, tree.numNodes + 1, drafter?.numCandidates);
    target.commit((verdict.acceptedNodes.at(-1) ?? -1) + 1);
    rows.release?.();
    drafter?.accept(tokens, verdict.acceptedNodes, candidates);
    learn(tokens);
    const endedAt = performance.now();
    const times = {
      draftMs: draftedAt - startedAt,
      decodeMs,
      verifyMs: endedAt - decodedAt + samplingMs,
      roundMs: endedAt - startedAt,
    };
    return {
      tokens,
      nextTokenKind: verdict.nextTokenKind,
      logprobs,
      draft: draftedRound(draft, verdict),
      record: { ...recordOf(start.plan, tree, numFillTokens, verdict), ...times },
    };
  } catch (error) {
    drafter?.rollback(start.tokens.length);
    throw error;
  } finally {
    draft.draftProbs?.release?.();
  }
}

/** What became of a draft. */
function recordOf(
  { isPlain, isSettling }: RoundPlan,
  tree: TokenTree,
  numFillTokens: number,
  { bias = 0, acceptedNodes }: Verdict,
): Omit<RoundRecord, 'draftMs' | 'decodeMs' | 'verifyMs' | 'roundMs'> {
  return {
    numDraftTokens: tree.numNodes,
    ...(numFillTokens > 0 && { numFillTokens }),
    draftDepth: tree.maxDepth,
    bias,
    numAccepted: acceptedNodes.length,
    acceptedNodes,
    isPlain,
    ...(isSettling === true && { isSettling }),
  };
}

async function propose(
  setup: RoundSetup,
  { tokens, outputPosition, plan, isBeginning = false }: RoundStart,
): Promise<Draft> {
  const { drafter, verifier, sampling, seed, isEnd, signal } = setup;
  if (drafter === undefined || plan.maxNodes === 0) return noDraft;
  if (isBeginning) await drafter.begin(Array.from(tokens), signal);
  return drafter.draft({
    tokens,
    maxNodes: plan.maxNodes,
    minAcceptance: plan.minAcceptance,
    isEnd: plan.stopsAtEnd ? isEnd : undefined,
    sampling,
    needsDraftProbs: verifier.needsDraftProbs,
    uniform: (node) => uniform(seed, Purpose.draft, outputPosition, node),
    signal,
  });
}

function draftedRound(
  { tree, sources }: Draft,
  { acceptedNodes, nextToken }: Verdict,
): DraftedRound | undefined {
  return tree.numNodes === 0 ? undefined : { tree, sources, acceptedNodes, nextToken };
}

/** The likeliest tokens after each decoded one, for drafters that want to know. */
function candidatesOf(
  { candidates }: DecodedTree,
  numRows: number,
  count: number | undefined,
): (readonly TokenId[])[] | undefined {
  if (candidates === undefined || count === undefined) return undefined;
  return Array.from({ length: numRows }, (_, row) => candidates(row, count));
}

/** Each token's, by the row of the token before it. */
function logprobsOf(
  { logprobs }: DecodedTree,
  tokens: readonly TokenId[],
  acceptedNodes: readonly NodeIndex[],
): TokenLogprobs[] | undefined {
  if (logprobs === undefined) return undefined;
  const nodesBefore = [ROOT, ...acceptedNodes];
  return tokens.map((token, index) => logprobs(nodesBefore[index]! + 1, token));
}

/**
 * Root and nodes as one batch, parents counted in it, and behind them a chain of so many tokens that nothing depends on: below
 * the last node, which has no children, so that they share its sequence.
 */
export function batchOf(
  root: TokenId,
  tree: TokenTree,
  numFillTokens = 0,
): [tokens: Int32Array, parents: Int32Array] {
  const numTokens = tree.numNodes + 1 + numFillTokens;
  const tokens = new Int32Array(numTokens).fill(root);
  tokens.set(tree.tokens, 1);
  const parents = Int32Array.from({ length: numTokens }, (_, index) => index - 1);
  for (let node = 0; node < tree.numNodes; node++) parents[node + 1] = tree.parents[node]! + 1;
  return [tokens, parents];
}

/** The uniforms that a verifier gets for a round. */
export function roundUniforms(seed: number, position: number, tree: TokenTree): RoundUniforms {
  return {
    accept: Float64Array.from({ length: tree.numNodes }, (_, node) =>
      uniform(seed, Purpose.accept, position, node),
    ),
    sample: Float64Array.from({ length: tree.maxDepth + 1 }, (_, depth) =>
      uniform(seed, Purpose.target, position + depth),
    ),
  };
}
