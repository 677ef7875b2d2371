// What a method for trees accepts, by growing its trees along the target's own text.
import type { Draft, Drafter } from '../../draft/drafter.js';
import { Sampler } from '../../model/sampler.js';
import type { Sequence } from '../../model/sequence.js';
import { Purpose, uniform } from '../../sampling/random.js';
import { isRejection } from '../../theory/round-rejection.js';
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
  const laws: RoundLaw[] = [];
  const sizes: number[] = [];
  for (let start = 0; start < trace.numStarts; start++) {
    const tokens = Int32Array.from([...prompt, ...trace.tokens.slice(0, start)]);
    const draft = await propose(tokens, start, options);
    sizes.push(draft.tree.numNodes);
    const isGiven = draft.draftProbs === undefined;
    const paths = isGiven
      ? [pathFollowed(draft.tree, trace.tokens.slice(start))]
      : await pathsOfVerdicts(draft, tokens.at(-1)!, start, options);
    laws.push(lawOf(draft.tree, paths));
    if (isGiven && options.verifier.needsDraftProbs) await sequence.prefill(tokens);
    draft.draftProbs?.release?.();
  }
  const rounds = roundsAlongText(trace.numStarts, (start) => laws[start]!.survival);
  const rejections = laws.reduce((sum, { rejection }, start) => sum + rejection * rounds.starts[start]!, 0);
  const roundsBySize = new Map<number, number>();
  for (const [start, size] of sizes.entries()) {
    roundsBySize.set(size, (roundsBySize.get(size) ?? 0) + rounds.starts[start]!);
  }
  const draftTokens = [...roundsBySize].reduce((sum, [size, numRounds]) => sum + size * numRounds, 0);
  return { ...rounds, draftTokens, rejections, roundsBySize, bias: 0 };
}

/** What a round from one token brings. */
interface RoundLaw {
  /** [maxDepth + 1]: the probability that at least 0, 1, 2, ... tokens are accepted. */
  readonly survival: readonly number[];
  /** That it ends with a rejection. */
  readonly rejection: number;
}

/** Each accepted path as likely as the others. */
function lawOf(tree: TokenTree, paths: readonly (readonly NodeIndex[])[]): RoundLaw {
  const share = (holds: (path: readonly NodeIndex[]) => boolean): number =>
    paths.filter(holds).length / paths.length;
  return {
    survival: Array.from({ length: tree.maxDepth + 1 }, (_, depth) => share(({ length }) => length >= depth)),
    rejection: share((path) => isRejection(tree, path)),
  };
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

async function pathsOfVerdicts(
  { tree, draftProbs }: Draft,
  root: TokenId,
  start: number,
  { sequence, sampling, verifier, seed }: PredictTreeOptions,
): Promise<(readonly NodeIndex[])[]> {
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
    return verifier.verify({ tree, draftProbs, targetProbs: rows, uniforms }).acceptedNodes;
  });
  rows.release();
  sequence.commit(0);
  return accepted;
}

/** The nodes of a tree that a text goes along. */
export function pathFollowed(tree: TokenTree, text: readonly TokenId[]): NodeIndex[] {
  const path: NodeIndex[] = [];
  for (const token of text) {
    const next = tree.children(path.at(-1) ?? ROOT).find((child) => tree.tokens[child] === token);
    if (next === undefined) break;
    path.push(next);
  }
  return path;
}
