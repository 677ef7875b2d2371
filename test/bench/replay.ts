// Tokens per round of drafters without weights, over recorded greedy answers of Vicuna-7B to Spec-Bench: a greedy verifier
// accepts exactly what was recorded, so no model runs. Needs a checkout's data folder and a vocabulary of llama.cpp:
// npm run bench:replay -- --vocabulary native/llama.cpp/models/ggml-vocab-llama-spm.gguf [--data ../shared/data] [--words]
// [PART OF A ROW'S NAME ..]
// Every turn starts a generation on the conversation before it, in Vicuna's template. Tokens past the end of an answer
// count neither as accepted nor as a bonus.
// A datastore never holds an answer to the question that is replayed: questions are dealt into five folds, and those of a
// fold are replayed, both turns, by a drafter of their own over the answers to the other four folds' questions.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatastore } from '../../src/draft/datastore.js';
import type { Drafter, DraftRequest } from '../../src/draft/drafter.js';
import { MixtureDrafter } from '../../src/draft/mixture.js';
import { PromptLookupDrafter } from '../../src/draft/prompt-lookup.js';
import { RetrievalDrafter } from '../../src/draft/retrieval.js';
import { SuffixDrafter } from '../../src/draft/suffix.js';
import { TokenRecyclingDrafter } from '../../src/draft/token-recycling.js';
import { ROOT, TokenTree, type NodeIndex } from '../../src/tree/token-tree.js';
import { fingerprint, writeDocuments } from '../helpers/datastores.js';
import { readTurns, tokenEncoder, wordEncoder, type RecordedTurn } from './recorded-answers.js';

const trace = 'specbench-vicuna7b-vanilla-float16-temp-0.0.jsonl';
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const numFolds = 5;

/** What is replayed: a drafter, a function that drafts, or what makes a drafter for a datastore. */
type Drafting =
  Drafter | ((tokens: Int32Array) => TokenTree) | { readonly over: (datastorePath: string) => Drafter };

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

const retrieval = (path: string, maxNodes: number): Drafter =>
  new RetrievalDrafter(openDatastore(path, fingerprint), { maxNodes, maxLeaves: maxNodes });

const mixture = (...deterministic: readonly Drafter[]): Drafter =>
  new MixtureDrafter({ deterministic, maxNodes: 16 });

function drafters(vocabSize: number): Record<string, Drafting> {
  return {
    'prompt lookup, published': publishedPromptLookup,
    'prompt-lookup': new PromptLookupDrafter(),
    'prompt-lookup, 16': new PromptLookupDrafter({ numDraft: 16 }),
    'suffix, 8': new SuffixDrafter({ maxNodes: 8 }),
    'suffix, 16': new SuffixDrafter(),
    'suffix, 32': new SuffixDrafter({ maxNodes: 32 }),
    'retrieval, 16': { over: (path) => retrieval(path, 16) },
    'suffix+lookup, 16': mixture(new SuffixDrafter(), new PromptLookupDrafter()),
    'suffix+retrieval, 16': { over: (path) => mixture(new SuffixDrafter(), retrieval(path, 16)) },
    'suffix+retrieval+lookup, 16': {
      over: (path) => mixture(new SuffixDrafter(), retrieval(path, 16), new PromptLookupDrafter()),
    },
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

/** Writes the datastore of each fold: the answers to all questions but its own. */
async function writeDatastores(): Promise<string[]> {
  const paths = Array.from({ length: numFolds }, (_, fold) => join(folder, `without-${fold}`));
  for (const [fold, path] of paths.entries()) {
    const others = turns.filter(({ questionId }) => foldOf.get(questionId) !== fold);
    await writeDocuments(
      path,
      others.map(({ answer }) => answer),
    );
  }
  return paths;
}

async function replay(name: string, drafting: Drafting): Promise<void> {
  const tallies = new Map<string, Tally>(categories.map((key) => [key, { tokens: 0, rounds: 0, nodes: 0 }]));
  const overall: Tally = { tokens: 0, rounds: 0, nodes: 0 };
  const byFold = 'over' in drafting ? datastores.map((path) => drafting.over(path)) : undefined;
  const started = performance.now();
  for (const turn of turns) {
    const drafter = 'over' in drafting ? byFold![foldOf.get(turn.questionId)!]! : drafting;
    const tally = tallies.get(turn.category)!;
    const before = { ...tally };
    await replayTurn(drafter, turn, tally);
    for (const key of ['tokens', 'rounds', 'nodes'] as const) overall[key] += tally[key] - before[key];
  }
  for (const drafter of byFold ?? []) await drafter.dispose();
  const microseconds = (1000 * (performance.now() - started)) / overall.rounds;
  const cells = [...tallies.values(), overall].map(({ tokens, rounds }) => (tokens / rounds).toFixed(3));
  row(name, [...cells, (overall.nodes / overall.rounds).toFixed(1), microseconds.toFixed(0)]);
}

function row(name: string, cells: readonly string[]): void {
  print([name.padEnd(28), ...cells.map((cell) => cell.padStart(14))].join(' '));
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
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
const foldOf = new Map(
  [...new Set(turns.map(({ questionId }) => questionId))].map((id, index) => [id, index % numFolds]),
);
const folder = mkdtempSync(join(tmpdir(), 'outrider-replay-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const datastores = await writeDatastores();
print(
  `${turns.length} turns, ${turns.reduce((sum, { answer }) => sum + answer.length, 0)} ` +
    `${values.words ? 'words' : 'tokens'}; tokens a round, nodes a round, microseconds a round`,
);
print(
  `retrieval: over the answers to other questions only, ${numFolds} folds by question (${foldOf.size} questions)`,
);
row('', [...categories, 'overall', 'nodes', 'us']);
for (const [name, drafting] of Object.entries(drafters(vocabSize)))
  if (positionals.length === 0 || positionals.some((part) => name.includes(part)))
    await replay(name, drafting);
process.exit(0);
