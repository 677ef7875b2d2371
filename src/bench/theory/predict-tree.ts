// What a method for trees accepts, by growing its trees along the target's own text.
import type { Draft, Drafter } from '../../draft/drafter.js';
import { Sampler } from '../../model/sampler.js';
import type { Sequence } from '../../model/sequence.js';
import { Purpose, uniform } from '../../sampling/random.js';
import { roundsAlongText } from '../../theory/rounds-along-text.js';
import { ROOT, type NodeIndex, type TokenTree } from '../../tree/token-tree.js';
import type { SamplingParams, TokenId } from '../../types.js';
import type { Verifier } from '../../verify/verifier.js';
import type { PredictedRounds } from './predict-chain.js';
import type { Trace } from './trace.js';

/** Options of {@link predictTree}. */
export interface PredictTreeOptions {
  readonly drafter: Drafter;
  readonly verifier: Verifier;
  /** The target's; its tokens are replaced. */
  readonly sequence: Sequence;
  readonly sampling: SamplingParams;
  readonly seed: number;
}

/** Verdicts on each tree: what is left of their spread is small beside that of trees. */
const numVerdicts = 8;

/**
 * Drafts a tree at every token of the text and asks the rule what it accepts of it.
 *
 * Where the rule does not look at draft probabilities the tree does not depend on the text, so that the text itself decides
 * what is accepted of it, exactly. Elsewhere the target's rows on the tree are decoded, and the mean over several
 * verdicts is the law of the accepted length: unbiased at each token. Where rounds start is then taken from these laws as if
 * the text after a token said nothing of what the round accepted, which is the one approximation.
 */
export async function predictTree(trace: Trace, options: PredictTreeOptions): Promise<PredictedRounds> {
  const { drafter, sequence } = options;
  const prompt = Array.from(trace.prompt);
  await sequence.prefill(prompt.slice(0, -1));
  await drafter.begin(prompt);
  const survivals: number[][] = [];
  const sizes: number[] = [];
  for (let start = 0; start < trace.numStarts; start++) {
    const tokens = Int32Array.from([...prompt, ...trace.tokens.slice(0, start)]);
    const draft = await propose(tokens, start, options);
    sizes.push(draft.tree.numNodes);
    const isGiven = draft.draftProbs === undefined;
    survivals.push(
      isGiven
        ? survivalOf([depthFollowed(draft.tree, trace.tokens.slice(start))], draft.tree.maxDepth)
        : await survivalOfVerdicts(draft, tokens.at(-1)!, start, options),
    );
    if (isGiven && options.verifier.needsDraftProbs) await sequence.prefill(tokens);
    draft.draftProbs?.release?.();
  }
  const rounds = roundsAlongText(trace.numStarts, (start) => survivals[start]!);
  const roundsBySize = new Map<number, number>();
  for (const [start, size] of sizes.entries()) {
    roundsBySize.set(size, (roundsBySize.get(size) ?? 0) + rounds.starts[start]!);
  }
  const draftTokens = [...roundsBySize].reduce((sum, [size, numRounds]) => sum + size * numRounds, 0);
  return { ...rounds, draftTokens, roundsBySize, bias: 0 };
}

function propose(tokens: Int32Array, start: number, options: PredictTreeOptions): Promise<Draft> {
  const { drafter, verifier, sampling, seed } = options;
  return drafter.draft({
    tokens,
    maxNodes: drafter.maxNodes,
    sampling,
    needsDraftProbs: verifier.needsDraftProbs,
    uniform: (node) => uniform(seed, Purpose.draft, start, node),
  });
}

async function survivalOfVerdicts(
  { tree, draftProbs }: Draft,
  root: TokenId,
  start: number,
  { sequence, sampling, verifier, seed }: PredictTreeOptions,
): Promise<number[]> {
  const tokens = [root, ...tree.tokens];
  const parents = [ROOT, ...Array.from(tree.parents, (parent) => parent + 1)];
  const { rows } = await sequence.decode({ tokens, parents, sampler: new Sampler(sampling) });
  const accepted = Array.from({ length: numVerdicts }, (_, turn) => {
    const draw = (purpose: Purpose, index: number): number =>
      uniform(seed, purpose, start * numVerdicts + turn, index);
    const uniforms = {
      accept: Float64Array.from(tree.tokens, (__, node) => draw(Purpose.accept, node)),
      sample: Float64Array.from({ length: tree.maxDepth + 1 }, (__, depth) => draw(Purpose.target, depth)),
    };
    return verifier.verify({ tree, draftProbs, targetProbs: rows, uniforms }).acceptedNodes.length;
  });
  rows.release();
  sequence.commit(0);
  return survivalOf(accepted, tree.maxDepth);
}

/** [maxDepth + 1]: the share of the lengths that are at least 0, 1, 2, ... */
function survivalOf(lengths: readonly number[], maxDepth: number): number[] {
  return Array.from(
    { length: maxDepth + 1 },
    (_, depth) => lengths.filter((length) => length >= depth).length / lengths.length,
  );
}

/** How far a text goes along a tree. */
export function depthFollowed(tree: TokenTree, text: readonly TokenId[]): number {
  let node: NodeIndex = ROOT;
  for (const [depth, token] of text.entries()) {
    const next = tree.children(node).find((child) => tree.tokens[child] === token);
    if (next === undefined) return depth;
    node = next;
  }
  return text.length;
}
