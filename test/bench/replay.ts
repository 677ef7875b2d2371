// Tokens per round of drafters without weights, over recorded greedy answers of Vicuna-7B to Spec-Bench: a greedy verifier
// accepts exactly what was recorded, so no model runs. Needs a checkout's data folder and a vocabulary of llama.cpp:
// npm run bench:replay -- --vocabulary native/llama.cpp/models/ggml-vocab-llama-spm.gguf [--data ../shared/data] [--words]
// Every turn starts a generation on the conversation before it, in Vicuna's template. Tokens past the end of an answer
// count neither as accepted nor as a bonus.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Drafter, DraftRequest } from '../../src/draft/drafter.js';
import { PromptLookupDrafter } from '../../src/draft/prompt-lookup.js';
import { SuffixDrafter } from '../../src/draft/suffix.js';
import { TokenRecyclingDrafter } from '../../src/draft/token-recycling.js';
import { ROOT, TokenTree, type NodeIndex } from '../../src/tree/token-tree.js';
import { readTurns, tokenEncoder, wordEncoder, type RecordedTurn } from './recorded-answers.js';

const trace = 'specbench-vicuna7b-vanilla-float16-temp-0.0.jsonl';
const print = (line: string): void => void process.stdout.write(`${line}\n`);

interface Tally {
  tokens: number;
  rounds: number;
  nodes: number;
}

/** Prompt lookup as published: the earliest match, and only where ten tokens follow it. */
function publishedPromptLookup(tokens: Int32Array): TokenTree {
  const { length } = tokens;
  for (let ngram = 3; ngram > 0; ngram--) {
    const isMatch = (from: number): boolean => {
      for (let index = 0; index < ngram; index++)
        if (tokens[from + index] !== tokens[length - ngram + index]) return false;
      return true;
    };
    for (let from = 0; from + ngram + 10 <= length; from++)
      if (isMatch(from)) return TokenTree.chain(tokens.slice(from + ngram, from + ngram + 10));
  }
  return TokenTree.chain([]);
}

function drafters(vocabSize: number): Record<string, Drafter | ((tokens: Int32Array) => TokenTree)> {
  return {
    'prompt lookup, published': publishedPromptLookup,
    'prompt-lookup': new PromptLookupDrafter(),
    'prompt-lookup, 16': new PromptLookupDrafter({ numDraft: 16 }),
    'suffix, 8': new SuffixDrafter({ maxNodes: 8 }),
    'suffix, 16': new SuffixDrafter(),
    'suffix, 32': new SuffixDrafter({ maxNodes: 32 }),
    // A text does not hold what else was likely: this knows one candidate a token, not eight.
    'token-recycling, 1 candidate': new TokenRecyclingDrafter({ vocabSize }),
  };
}

/** Nodes whose tokens go on as `answer` does. */
function acceptedNodes(tree: TokenTree, answer: ArrayLike<number>): NodeIndex[] {
  const accepted: NodeIndex[] = [];
  for (let node: NodeIndex | undefined = ROOT; ; accepted.push(node)) {
    const wanted = answer[accepted.length];
    node = tree.children(node).find((child) => tree.tokens[child] === wanted);
    if (node === undefined) return accepted;
  }
}

/** Candidates after the root and each node, as far as the answer tells them. */
function candidatesOf(tree: TokenTree, accepted: readonly NodeIndex[], output: readonly number[]) {
  const candidates: number[][] = Array.from({ length: tree.numNodes + 1 }, () => []);
  for (const [index, token] of output.entries()) candidates[(accepted[index - 1] ?? ROOT) + 1] = [token];
  return candidates;
}

async function replayTurn(
  drafter: Drafter | ((tokens: Int32Array) => TokenTree),
  { prompt, answer }: RecordedTurn,
  tally: Tally,
): Promise<void> {
  const text = Int32Array.from([...prompt, ...answer]);
  if (typeof drafter !== 'function') await drafter.begin(prompt);
  for (let length = prompt.length; length < text.length;) {
    const request: DraftRequest = {
      tokens: text.subarray(0, length),
      maxNodes: 255,
      sampling: { temperature: 0 },
      needsDraftProbs: false,
      uniform: () => 0,
    };
    const tree =
      typeof drafter === 'function' ? drafter(request.tokens) : (await drafter.draft(request)).tree;
    const accepted = acceptedNodes(tree, text.subarray(length));
    const output = Array.from(text.subarray(length, length + accepted.length + 1));
    if (typeof drafter !== 'function') drafter.accept(output, accepted, candidatesOf(tree, accepted, output));
    length += output.length;
    tally.tokens += output.length;
    tally.rounds++;
    tally.nodes += tree.numNodes;
  }
}

async function replay(name: string, drafter: Drafter | ((tokens: Int32Array) => TokenTree)): Promise<void> {
  const tallies = new Map<string, Tally>(categories.map((key) => [key, { tokens: 0, rounds: 0, nodes: 0 }]));
  const overall: Tally = { tokens: 0, rounds: 0, nodes: 0 };
  const started = performance.now();
  for (const turn of turns) {
    const tally = tallies.get(turn.category)!;
    const before = { ...tally };
    await replayTurn(drafter, turn, tally);
    for (const key of ['tokens', 'rounds', 'nodes'] as const) overall[key] += tally[key] - before[key];
  }
  const microseconds = (1000 * (performance.now() - started)) / overall.rounds;
  const cells = [...tallies.values(), overall].map(({ tokens, rounds }) => (tokens / rounds).toFixed(3));
  row(name, [...cells, (overall.nodes / overall.rounds).toFixed(1), microseconds.toFixed(0)]);
}

function row(name: string, cells: readonly string[]): void {
  print([name.padEnd(28), ...cells.map((cell) => cell.padStart(14))].join(' '));
}

const { values } = parseArgs({
  options: {
    vocabulary: { type: 'string', default: process.env['OUTRIDER_VOCABULARY'] ?? '' },
    data: { type: 'string', default: join('..', 'shared', 'data') },
    words: { type: 'boolean', default: false },
  },
});
if (!values.words && values.vocabulary === '')
  throw new Error('Name a vocabulary with --vocabulary or OUTRIDER_VOCABULARY, or count --words.');
const encoder = values.words ? wordEncoder() : await tokenEncoder(values.vocabulary);
const turns = readTurns(values.data, trace, encoder);
const categories = [...new Set(turns.map(({ category }) => category))];
const vocabSize = 1 + turns.reduce((most, { prompt, answer }) => Math.max(most, ...prompt, ...answer), 0);
print(
  `${turns.length} turns, ${turns.reduce((sum, { answer }) => sum + answer.length, 0)} ` +
    `${values.words ? 'words' : 'tokens'}; tokens a round, nodes a round, microseconds a round`,
);
row('', [...categories, 'overall', 'nodes', 'us']);
for (const [name, drafter] of Object.entries(drafters(vocabSize))) await replay(name, drafter);
process.exit(0);
