// Random token trees on tiny models: the row of every node against its path decoded token by token.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ContextCreateError } from '../../src/errors.js';
import { Context } from '../../src/model/context.js';
import type { ContextOptions, KvType } from '../../src/model/context-options.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import type { Distribution } from '../../src/sampling/distribution.js';
import { ROOT, TokenTree, type NodeIndex } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import { SeededRandom } from '../fixtures/seeded-random.js';
import { writeTinyModel, type TinyModelOptions } from '../fixtures/tiny-models.js';
import { exactContext } from '../helpers/engines.js';
import { report } from '../helpers/report.js';
import { takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-random-trees-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sampler = new Sampler();
const vocabSize = 320;
const contextSize = 256;
const maxNodes = 24;
/** Below are the unknown token, begin and end. */
const firstToken = 3;

type Pick = (below: number) => number;

/** A tree of 1 to 24 nodes: a chain, a star, a bush, a comb, a broom or a few deep branches. */
function randomTree(pick: Pick): TokenTree {
  const numNodes = 1 + pick(maxNodes);
  const trunk = pick(numNodes);
  const width = 1 + pick(4);
  const shapes: ((node: NodeIndex) => NodeIndex)[] = [
    (node) => node - 1,
    () => ROOT,
    (node) => pick(node + 1) - 1,
    (node) => Math.max(ROOT, node - 1 - pick(2)),
    (node) => (node <= trunk ? node - 1 : trunk),
    (node) => Math.max(ROOT, node - width),
    (node) => pick(Math.ceil(Math.sqrt(node + 1))) - 1,
  ];
  const parentOf = shapes[pick(shapes.length)]!;
  // Some trees have siblings of the same token, as draws with replacement do.
  const numTokens = pick(4) === 0 ? 2 : vocabSize - firstToken;
  const nodes = Array.from({ length: numNodes }, (_, node) => node);
  return new TokenTree(
    nodes.map(() => firstToken + pick(numTokens)),
    nodes.map(parentOf),
  );
}

/** What a walk has compared. */
class Comparison {
  numTrees = 0;
  numNodes = 0;
  numBranching = 0;
  numCommitted = 0;
  numRolledBack = 0;
  longest = 0;
  deepest = 0;
  largest = 0;
  /** How far rows are from those of their parents: what a wrong path would show. */
  #parentDistance = 0;

  tree(tree: TokenTree, numTokens: number): void {
    this.numTrees += 1;
    this.numBranching += Number(!tree.isChain);
    this.deepest = Math.max(this.deepest, tree.maxDepth);
    this.longest = Math.max(this.longest, numTokens + tree.maxDepth);
  }

  node(row: Distribution, expected: Distribution, ofParent: Distribution): void {
    this.numNodes += 1;
    this.largest = Math.max(this.largest, distance(row, expected));
    this.#parentDistance += distance(row, ofParent);
  }

  get parentDistance(): number {
    return this.#parentDistance / this.numNodes;
  }

  get figures(): Record<string, number> {
    return {
      trees: this.numTrees,
      branching: this.numBranching,
      nodes: this.numNodes,
      deepest: this.deepest,
      'longest path': this.longest,
      committed: this.numCommitted,
      'rolled back': this.numRolledBack,
      'largest difference': this.largest,
      'mean distance to parent': this.parentDistance,
    };
  }
}

/** Largest difference over the vocabulary. */
function distance(left: Distribution, right: Distribution): number {
  if (left.ids.length !== vocabSize || right.ids.length !== vocabSize) {
    throw new Error(`Expected rows of ${vocabSize} but received ${left.ids.length} and ${right.ids.length}`);
  }
  let largest = 0;
  for (let token = 0; token < vocabSize; token++) {
    largest = Math.max(largest, Math.abs(left.probs[token]! - right.probs[token]!));
  }
  return largest;
}

/** Decodes random trees below random prefixes, one after the other in the same cells. */
class Walk {
  readonly compared = new Comparison();
  readonly #sequence: Sequence;
  /** Decodes chains only. */
  readonly #reference: Sequence;
  readonly #pick: Pick;

  constructor(sequence: Sequence, reference: Sequence, seed: string) {
    this.#sequence = sequence;
    this.#reference = reference;
    const random = new SeededRandom(1, seed);
    this.#pick = (below) => Math.floor(random.uniform() * below);
  }

  async run(numTrees: number): Promise<Comparison> {
    await this.#prompt();
    for (let tree = 0; tree < numTrees; tree++) {
      if (this.#pick(8) === 0 || this.#sequence.length > contextSize - 2 * maxNodes) await this.#prompt();
      await this.#tree();
    }
    return this.compared;
  }

  /** Some of the tokens there are, and some new ones. */
  async #prompt(): Promise<void> {
    const kept = this.#sequence.tokens.slice(0, this.#pick(this.#sequence.length + 1));
    const added = Array.from({ length: 1 + this.#pick(80) }, () => this.#token());
    await this.#sequence.prefill([...kept.slice(0, 100), ...added]);
    await this.#reference.truncate(0);
  }

  #token(): TokenId {
    return firstToken + this.#pick(vocabSize - firstToken);
  }

  async #tree(): Promise<void> {
    const sequence = this.#sequence;
    const prefix = Array.from(sequence.tokens);
    const tree = randomTree(this.#pick);
    this.compared.tree(tree, prefix.length);
    const { tokens, parents } = tree;
    const isChain = tree.isChain && parents.every((parent, node) => parent === node - 1);
    const rows = takeRows(
      await sequence.decode({
        tokens,
        parents: isChain && this.#pick(2) === 0 ? undefined : parents,
        sampler,
      }),
    );
    expect(rows).toHaveLength(tree.numNodes);
    await this.#compare(prefix, tree, rows);
    await this.#end(prefix, tree);
  }

  async #compare(prefix: TokenId[], tree: TokenTree, rows: readonly Distribution[]): Promise<void> {
    const reference = this.#reference;
    await reference.prefill(prefix.slice(0, -1));
    const decodeNext = async (token: TokenId): Promise<Distribution> => {
      const [row] = takeRows(await reference.decode({ tokens: [token], sampler }));
      reference.commit(0);
      return row!;
    };
    const visit = async (parent: NodeIndex, ofParent: Distribution): Promise<void> => {
      const depth = parent === ROOT ? 0 : tree.depths[parent]!;
      for (const node of tree.children(parent)) {
        if (reference.length > prefix.length + depth) await reference.truncate(prefix.length + depth);
        const expected = await decodeNext(tree.tokens[node]!);
        this.compared.node(rows[node]!, expected, ofParent);
        await visit(node, expected);
      }
    };
    await visit(ROOT, await decodeNext(prefix.at(-1)!));
  }

  /** Keeps a path, or nothing, or goes back further than the tree. */
  async #end(prefix: TokenId[], tree: TokenTree): Promise<void> {
    const sequence = this.#sequence;
    const way = this.#pick(8);
    if (way < 5) {
      const node = this.#pick(tree.numNodes);
      sequence.commit(node);
      const path = tree.path(node).map((step) => tree.tokens[step]!);
      expect(Array.from(sequence.tokens)).toEqual([...prefix, ...path]);
      this.compared.numCommitted += 1;
      return;
    }
    this.compared.numRolledBack += 1;
    if (way === 5) sequence.commit(ROOT);
    // Otherwise the next decode drops the tree.
    if (way === 6) await sequence.truncate(Math.max(1, prefix.length - this.#pick(12)));
  }
}

interface Case {
  readonly name: string;
  readonly model?: TinyModelOptions;
  readonly context?: ContextOptions;
  /** Largest difference allowed with keys and values in f32, default 1e-4. */
  readonly tolerance?: number;
}

/** ggml looks up GELU in a table for f16 inputs, so that a last bit may become a step of the table. */
const geluTolerance = 1e-3;

const cases: Case[] = [
  { name: 'llama, 4 heads on 2' },
  { name: 'llama, 4 heads on 4', model: { kvHeads: 4 } },
  { name: 'llama, 4 heads on 1', model: { kvHeads: 1 } },
  { name: 'llama, 2 of 4 experts', model: { experts: 4, expertsUsed: 2 } },
  { name: 'llama, 8 tokens at once', context: { microBatchSize: 8 } },
  { name: 'qwen2', model: { architecture: 'qwen2' } },
  { name: 'qwen3', model: { architecture: 'qwen3' } },
  { name: 'qwen3moe, 2 of 8 experts', model: { architecture: 'qwen3moe' } },
  { name: 'gemma3, window 32', model: { architecture: 'gemma3' }, tolerance: geluTolerance },
  {
    name: 'gemma3, window 8',
    model: { architecture: 'gemma3', slidingWindow: 8 },
    tolerance: geluTolerance,
  },
];

async function withModel({ name, model: options }: Case, run: (model: Model) => Promise<void>) {
  const path = join(folder, `${name}.gguf`);
  if (!existsSync(path)) writeTinyModel(path, { vocabSize, ...options });
  using model = await loadModel(path, { gpu: 'off' });
  await run(model);
}

/** Walks a model in two contexts of the same kind; the error when there is no such kind. */
async function compare(
  model: Model,
  name: string,
  context: ContextOptions,
  numTrees: number,
): Promise<Comparison | ContextCreateError> {
  const options = { ...exactContext, contextSize, maxLeaves: maxNodes, ...context };
  const created = await model.createContext(options).catch((error: unknown) => error);
  if (created instanceof ContextCreateError) return created;
  expect(created).toBeInstanceOf(Context);
  using trees = created as Context;
  using chains = await model.createContext(options);
  return await new Walk(trees.sequence(), chains.sequence(), name).run(numTrees);
}

describe('trees with keys and values in f32', () => {
  const rows: Record<string, string | number>[] = [];
  /** 10,000 of the models whose rows do not depend on the size of a batch. */
  const numTrees = 10_000 / cases.filter((one) => one.tolerance === undefined).length;
  afterAll(() => {
    const total = (key: string): number => rows.reduce((sum, row) => sum + Number(row[key]), 0);
    report(`${total('trees')} trees of ${total('nodes')} nodes against sequential decoding, f32`, rows);
  });

  it.each(cases)('$name: every row is that of its path', async (one) => {
    const { name, context = {}, tolerance = 1e-4 } = one;
    await withModel(one, async (model) => {
      const compared = await compare(model, name, context, numTrees);
      if (compared instanceof Error) throw compared;
      rows.push({ model: name, ...compared.figures, tolerance });
      expect(compared.largest).toBeLessThan(tolerance);
      expect(compared.parentDistance).toBeGreaterThan(0.1);
      expect(compared.numNodes).toBeGreaterThan(10 * numTrees);
      expect(compared.numBranching).toBeGreaterThan(numTrees / 2);
      expect(compared.deepest).toBe(maxNodes);
      expect(Math.min(compared.numCommitted, compared.numRolledBack)).toBeGreaterThan(numTrees / 4);
      expect(compared.longest).toBeGreaterThan(150);
    });
  });
});

/**
 * Largest differences allowed. A last bit of a key or value may round to another step of its type, and flash attention
 * adds up f16 values in f16, in the order of the cells; rows of other nodes are 0.3 away.
 */
const tolerances: Record<Exclude<KvType, 'f32'>, number> = { f16: 5e-3, q8_0: 5e-3, q4_0: 2e-2 };
const kvTypes = Object.keys(tolerances) as (keyof typeof tolerances)[];

describe('trees with keys and values of fewer bits', () => {
  const rows: Record<string, string | number>[] = [];
  afterAll(() => report('Trees against sequential decoding in cells of the same type', rows));

  const choices = kvTypes.flatMap((kvType) =>
    (['off', 'on'] as const).map((flashAttention) => ({ kvType, flashAttention })),
  );
  const narrow: Case = { name: 'llama, heads of 16', model: { headDim: 16 } };

  it.each(choices)('$kvType, flash attention $flashAttention', async (kind) => {
    const { kvType, flashAttention } = kind;
    for (const one of [...cases, narrow]) {
      await withModel(one, async (model) => {
        const { name, context } = one;
        const compared = await compare(model, name, { ...context, ...kind }, 60);
        const isRefused = compared instanceof ContextCreateError;
        const figures = isRefused ? { refused: compared.message.split('.')[0]! } : compared.figures;
        rows.push({ model: name, cells: kvType, 'flash attention': flashAttention, ...figures });
        expect.soft(isRefused, name).toBe(kvType !== 'f16' && (flashAttention === 'off' || one === narrow));
        if (!isRefused) expect.soft(compared.largest, name).toBeLessThan(tolerances[kvType]);
      });
    }
  });
});
