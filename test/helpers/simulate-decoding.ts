// Decodes with a real rule on models that are tables. Knows nothing of the addon.
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, type Distribution } from '../../src/sampling/distribution.js';
import type { NextTokenLaw } from '../../src/theory/next-token-law.js';
import { TokenTree, type NodeIndex } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import type { Verifier } from '../../src/verify/verifier.js';
import type { SeededRandom } from '../fixtures/seeded-random.js';
import { targetRows } from './enumerate-round.js';

/** What is decoded, and how. */
export interface Decoding {
  readonly verifier: Verifier;
  readonly target: NextTokenLaw;
  readonly draft: NextTokenLaw;
  /** Children of each node by depth, drawn with replacement. */
  readonly widths: readonly number[];
  readonly numTokens: number;
}

/** One text and its rounds. */
export interface DecodedText {
  /** At least numTokens. */
  readonly tokens: readonly TokenId[];
  readonly rounds: number;
  readonly acceptedTokens: number;
  /** Recovered tokens among the first numTokens. */
  readonly rejections: number;
  /** Bias that the rule says it spent. */
  readonly bias: number;
}

/** Runs rounds until numTokens are there. */
export function simulateDecoding(decoding: Decoding, random: SeededRandom): DecodedText {
  const { verifier, target, numTokens } = decoding;
  const tokens: TokenId[] = [];
  let [rounds, acceptedTokens, rejections, bias] = [0, 0, 0, 0];
  while (tokens.length < numTokens) {
    const { tree, draftProbs } = drawTree(decoding, tokens, random);
    const verdict = verifier.verify({
      tree,
      draftProbs,
      targetProbs: targetRows(tree, (history) => target([...tokens, ...history])),
      uniforms: {
        accept: Float64Array.from(tree.tokens, () => random.uniform()),
        sample: Float64Array.from({ length: tree.maxDepth + 1 }, () => random.uniform()),
      },
    });
    tokens.push(...verdict.acceptedNodes.map((node) => tree.tokens[node]!), verdict.nextToken);
    rounds += 1;
    acceptedTokens += verdict.acceptedNodes.length;
    bias += verdict.bias ?? 0;
    if (verdict.nextTokenKind === 'recovered' && tokens.length <= numTokens) rejections += 1;
  }
  return { tokens, rounds, acceptedTokens, rejections, bias };
}

function drawTree({ draft, widths }: Decoding, history: readonly TokenId[], random: SeededRandom) {
  const tokens: TokenId[] = [];
  const parents: NodeIndex[] = [];
  const rows: Distribution[] = [];
  const paths: TokenId[][] = [[]];
  for (let node = -1; node < tokens.length; node++) {
    const path = paths[node + 1]!;
    const row = draft([...history, ...path]);
    for (let sibling = 0; sibling < (widths[path.length] ?? 0); sibling++) {
      const token = sample(row, random.uniform());
      tokens.push(token);
      parents.push(node);
      rows.push(row);
      paths.push([...path, token]);
    }
  }
  return { tree: new TokenTree(tokens, parents), draftProbs: new ArrayRows(rows) };
}
