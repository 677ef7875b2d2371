import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { GrownTree } from '../../src/model/sequence-calls.js';
import type { Sequence } from '../../src/model/sequence.js';
import { sample } from '../../src/sampling/categorical.js';
import { oneHot, probabilityOf, type Distribution } from '../../src/sampling/distribution.js';
import { levelTree, sequoiaTree } from '../../src/tree/static-trees.js';
import { TokenTree, type NodeIndex, type OwnDraws } from '../../src/tree/token-tree.js';
import type { TreeGrowth } from '../../src/tree/tree-growth.js';
import { topAndRest } from '../../src/verify/greedy-multi-draft.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { without } from '../helpers/enumerate-drafts.js';
import { decodeChain, rowDistance, takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-grow-'));
const tolerance = 1e-4;
const prompt = Int32Array.of(1, 300, 280, 265, 290, 311, 275);
const sampler = new Sampler({ topK: 12 });
const uniforms = Float64Array.from({ length: 32 }, (_, node) => ((node + 1) * 0.618034) % 1);
const maxLeaves = 64;
let model: Model;
let context: Context;
let sequence: Sequence;
let reference: Sequence;

beforeAll(async () => {
  const path = join(folder, 'llama.gguf');
  writeTinyModel(path, { vocabSize: 320 });
  model = await loadModel(path, { gpu: 'off' });
  const options = { contextSize: 256, kvType: 'f32', flashAttention: 'off', threads: 1 } as const;
  context = await model.createContext(options);
  sequence = context.sequence();
  reference = (await model.createContext(options)).sequence();
});

beforeEach(async () => {
  await sequence.truncate(0);
});

afterAll(() => {
  reference.context.dispose();
  context.dispose();
  model.dispose();
  rmSync(folder, { recursive: true });
});

const fixed = (parents: readonly NodeIndex[]): TreeGrowth => ({
  rule: 'fixed',
  numNodes: parents.length,
  shape: Int32Array.from(parents),
});
const knots = Float64Array.of(0, 0.1, 0.5, 1);
const calibrated: TreeGrowth = {
  rule: 'calibrated',
  numNodes: 10,
  knots,
  rates: Float64Array.of(0.5, 0.6, 0.8, 0.95, 0.2, 0.4, 0.6, 0.7, 0.1, 0.2, 0.3, 0.4),
};

/** The row after a history, decoded alone. */
async function freshRow(history: ArrayLike<number>, chain = sampler): Promise<Distribution> {
  const tokens = Array.from(history);
  await reference.truncate(0);
  await reference.prefill(tokens.slice(0, -1));
  return decodeChain(reference, tokens.slice(-1), chain);
}

interface Checked {
  readonly tree: TokenTree;
  readonly rows: readonly Distribution[];
  readonly grown: GrownTree;
}

async function grow(
  growth: TreeGrowth,
  siblings: OwnDraws,
  more: { tokens?: Int32Array; known?: number; minProbability?: number; maxLeaves?: number } = {},
): Promise<Checked> {
  const { tokens = prompt, known = 0, ...rest } = more;
  const grown = await sequence.grow(
    tokens,
    { sampler, siblings, growth, uniforms, maxLeaves, ...rest },
    known,
  );
  return { tree: new TokenTree(grown.tokens, grown.parents), rows: takeRows(grown), grown };
}

/** Checks every node against rows that were decoded one by one. */
async function check({ tree, rows, grown }: Checked, siblings: OwnDraws, tokens = prompt): Promise<void> {
  for (let node = -1; node < tree.numNodes; node++) {
    const children = tree.children(node);
    if (children.length === 0) continue;
    const history = [...tokens, ...tree.path(node).map((step) => tree.tokens[step]!)];
    const row = await freshRow(history);
    const { top } = topAndRest(row, children.length);
    for (const [rank, child] of children.entries()) {
      const before = children.slice(0, rank).map((sibling) => tree.tokens[sibling]!);
      const isTop =
        siblings === 'deterministic' || (siblings === 'topThenSampled' && rank < children.length - 1);
      if (isTop) expect(tree.tokens[child]).toBe(top[rank]);
      if (siblings === 'deterministic') continue;
      const left = isTop
        ? oneHot(tree.tokens[child]!)
        : siblings === 'withReplacement'
          ? row
          : without(row, before);
      expect(rowDistance(rows[child]!, left)).toBeLessThan(tolerance);
      if (!isTop) {
        expect(sample(rows[child]!, uniforms[child]!)).toBe(tree.tokens[child]);
        expect(grown.probabilities[child]).toBeCloseTo(probabilityOf(rows[child]!, tree.tokens[child]!), 12);
      }
    }
  }
  expect(rows).toHaveLength(siblings === 'deterministic' ? 0 : tree.numNodes);
}

const draws: OwnDraws[] = ['deterministic', 'withReplacement', 'withoutReplacement', 'topThenSampled'];
const shapes = {
  'a level tree': levelTree([2, 2, 1]),
  'a wide level': levelTree([6]),
  'a trunk and branches': levelTree([1, 1, 3, 2]),
  "Sequoia's tree": sequoiaTree([0.6, 0.2, 0.1], 12).parents,
};

describe('a fixed shape', () => {
  it.each(
    Object.entries(shapes).flatMap(([name, parents]) => draws.map((kind) => ({ name, parents, kind }))),
  )('is grown as it is, $name, siblings $kind', async ({ parents, kind }) => {
    const checked = await grow(fixed(parents), kind);
    expect(Array.from(checked.grown.parents)).toEqual(parents);
    await check(checked, kind);
  });

  it('ends where a row gives no more tokens', async () => {
    const narrow = new Sampler({ topK: 2 });
    const growth = fixed(levelTree([4, 1]));
    const request = { sampler: narrow, siblings: 'withoutReplacement', growth, uniforms, maxLeaves } as const;
    const grown = await sequence.grow(prompt, request);
    grown.rows.release();
    expect(Array.from(grown.parents)).toEqual([-1, -1, 0, 1]);
  });

  it('draws nothing from rows without a likely token', async () => {
    const { tree } = await grow(fixed(levelTree([2, 1])), 'withoutReplacement', { minProbability: 1.1 });
    expect(tree.numNodes).toBe(0);
  });
});

/** The tree that best-first growth has to give, from rows decoded one by one. */
async function bestFirst(growth: TreeGrowth, siblings: OwnDraws, limit: number) {
  const tokens: number[] = [];
  const parents: number[] = [];
  const left = new Map<number, Distribution>();
  const full = new Map<number, Distribution>();
  const slots: { parent: number; rank: number; value: number }[] = [{ parent: -1, rank: 0, value: 1 }];
  const pathOf = (node: number): number[] => (node < 0 ? [] : [...pathOf(parents[node]!), tokens[node]!]);
  const rate = (rank: number, probability: number): number => {
    if (growth.rule !== 'calibrated') return probability;
    const rates = growth.rates.subarray(Math.min(rank, 2) * knots.length);
    const high = Math.max(
      1,
      Array.from(knots).findIndex((knot) => knot > probability),
    );
    const at = high === 0 || probability >= 1 ? knots.length - 1 : high;
    const share = (probability - knots[at - 1]!) / (knots[at]! - knots[at - 1]!);
    return rates[at - 1]! + share * (rates[at]! - rates[at - 1]!);
  };
  let numLeaves = 1;
  while (tokens.length < growth.numNodes && slots.length > 0) {
    const priorities: number[] = [];
    for (const { parent, rank, value } of slots) {
      if (!left.has(parent)) {
        const row = await freshRow([...prompt, ...pathOf(parent)]);
        left.set(parent, row);
        full.set(parent, row);
      }
      const row = left.get(parent)!;
      if (growth.rule === 'dyspec') priorities.push(value);
      else if (siblings === 'deterministic') {
        const likeliest =
          row.ids.length === 0 ? 0 : probabilityOf(full.get(parent)!, topAndRest(row, 1).top[0]!);
        priorities.push(value * rate(rank, likeliest));
      } else priorities.push(value * row.probs.reduce((sum, prob) => sum + prob * rate(rank, prob), 0));
    }
    if (Math.max(...priorities) < ((growth.rule === 'calibrated' && growth.minAcceptance) || 0)) break;
    const best = priorities.indexOf(Math.max(...priorities));
    const [slot] = slots.splice(best, 1);
    const { parent, rank, value } = slot!;
    const row = left.get(parent)!;
    if (row.ids.length === 0 || (rank > 0 && numLeaves >= limit)) continue;
    numLeaves += Number(rank > 0);
    const node = tokens.length;
    const token = siblings === 'deterministic' ? topAndRest(row, 1).top[0]! : sample(row, uniforms[node]!);
    const probability = probabilityOf(siblings === 'deterministic' ? full.get(parent)! : row, token);
    tokens.push(token);
    parents.push(parent);
    left.set(parent, without(row, [token]));
    const accepted = rate(rank, probability);
    const rest = growth.rule === 'eagle-2' ? value : value * (1 - accepted);
    slots.push({ parent, rank: rank + 1, value: rest }, { parent: node, rank: 0, value: value * accepted });
  }
  return { tokens, parents };
}

describe('best-first growth', () => {
  const cases: { growth: TreeGrowth; kind: OwnDraws; limit: number }[] = [
    { growth: calibrated, kind: 'withoutReplacement', limit: 64 },
    { growth: calibrated, kind: 'deterministic', limit: 64 },
    { growth: { rule: 'dyspec', numNodes: 10 }, kind: 'withoutReplacement', limit: 64 },
    { growth: { rule: 'eagle-2', numNodes: 10 }, kind: 'deterministic', limit: 64 },
    { growth: { rule: 'dyspec', numNodes: 10 }, kind: 'withoutReplacement', limit: 2 },
  ];

  it.each(cases)(
    'takes the best place each time: $growth.rule, siblings $kind, $limit leaves',
    async (one) => {
      const checked = await grow(one.growth, one.kind, { maxLeaves: one.limit });
      const wanted = await bestFirst(one.growth, one.kind, one.limit);
      expect(Array.from(checked.grown.parents)).toEqual(wanted.parents);
      expect(Array.from(checked.grown.tokens)).toEqual(wanted.tokens);
      expect(checked.tree.isChain).toBe(false);
      await check(checked, one.kind);
    },
  );
});

describe('growth up to what is worth its time', () => {
  it.each(
    (['deterministic', 'withoutReplacement'] as const).flatMap((kind) =>
      [0.1, 0.25, 0.5].map((minAcceptance) => ({ kind, minAcceptance })),
    ),
  )('draws nothing where less than $minAcceptance is expected, siblings $kind', async (one) => {
    const growth = { ...calibrated, minAcceptance: one.minAcceptance };
    const checked = await grow(growth, one.kind);
    const wanted = await bestFirst(growth, one.kind, maxLeaves);
    expect(Array.from(checked.grown.tokens)).toEqual(wanted.tokens);
    expect(Array.from(checked.grown.parents)).toEqual(wanted.parents);
    expect(checked.tree.numNodes).toBeLessThan(calibrated.numNodes);
    expect(checked.tree.numNodes).toBeGreaterThan(0);
    await check(checked, one.kind);
  });

  it('draws nothing at all where nothing is worth it', async () => {
    const { tree } = await grow({ ...calibrated, minAcceptance: 0.96 }, 'withoutReplacement');
    expect(tree.numNodes).toBe(0);
  });
});

describe('a level that has to bring something', () => {
  const depthOf = async (minLevelGain: number): Promise<number> => {
    const { tree } = await grow({ rule: 'eagle-2', numNodes: 12, minLevelGain }, 'deterministic');
    expect(tree.numNodes).toBe(12);
    return tree.maxDepth;
  };

  it('makes no difference at 0, and with 1 only the tokens after the last are drafted', async () => {
    const { tree } = await grow({ rule: 'eagle-2', numNodes: 12 }, 'deterministic');
    expect([await depthOf(0), await depthOf(1)]).toEqual([tree.maxDepth, 1]);
    expect(tree.maxDepth).toBeGreaterThan(1);
  });

  it('makes trees the wider the more it has to bring', async () => {
    const { probabilities } = (await grow({ rule: 'eagle-2', numNodes: 12 }, 'deterministic')).grown;
    const first = probabilities[0]!;
    const depths = [];
    for (const gain of [0, first * 0.3, first * 0.999, first * 1.001]) depths.push(await depthOf(gain));
    expect(depths).toEqual([...depths].sort((one, other) => other - one));
    expect([depths[2]! > 1, depths[3]]).toEqual([true, 1]);
  });
});

describe('the tree that was grown before', () => {
  const shape = fixed(levelTree([2, 2, 1]));
  /** Tokens of the path to a node. */
  const along = ({ tree }: Checked, node: NodeIndex): number[] =>
    tree.path(node).map((step) => tree.tokens[step]!);

  it.each([-1, 0, 1, 3, 4, 5, 9])('is gone on with after node %i was accepted', async (node) => {
    const first = await grow(shape, 'withoutReplacement');
    const accepted = along(first, node);
    const tokens = Int32Array.from([...prompt, ...accepted, 299]);
    const second = await grow(shape, 'withoutReplacement', { tokens, known: prompt.length });
    expect(Array.from(sequence.tokens)).toEqual(Array.from(tokens));
    await check(second, 'withoutReplacement', tokens);
    const third = Int32Array.from([...tokens, ...along(second, 2), 301]);
    await check(
      await grow(shape, 'deterministic', { tokens: third, known: tokens.length }),
      'deterministic',
      third,
    );
  });

  it('keeps its cells: only what was not decoded is decoded again', async () => {
    const first = await grow(shape, 'withoutReplacement');
    const deepest = along(first, 8);
    expect(deepest).toHaveLength(3);
    expect(Array.from(first.grown.decoded).slice(0, 6)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(first.grown.decoded[8]).toBe(0);
    const tokens = Int32Array.from([...prompt, ...deepest, 299]);
    const decoded: number[] = [];
    const { native } = sequence.context;
    const original = native.grow.bind(native);
    Object.defineProperty(native, 'grow', {
      configurable: true,
      value: (call: Parameters<typeof native.grow>[0]) => {
        decoded.push(call.tokens.length);
        return original(call);
      },
    });
    const again = await grow(shape, 'withoutReplacement', { tokens, known: prompt.length });
    Reflect.deleteProperty(native, 'grow');
    await check(again, 'withoutReplacement', tokens);
    expect(decoded).toEqual([2]);
  });

  it('is dropped by whatever else is done', async () => {
    await grow(shape, 'withoutReplacement');
    expect(await sequence.prefill(prompt)).toBe(prompt.length);
    const row = await decodeChain(sequence, [299], sampler);
    expect(rowDistance(row, await freshRow([...prompt, 299]))).toBeLessThan(tolerance);
  });
});

describe('limits', () => {
  it('ends a tree where the context is full', async () => {
    const small = await model.createContext({
      contextSize: 256,
      kvType: 'f32',
      flashAttention: 'off',
      threads: 1,
    });
    const tokens = Int32Array.from({ length: 254 }, (_, index) => 260 + (index % 50));
    const growth = fixed(levelTree([2, 2, 2]));
    const request = { sampler, siblings: 'withoutReplacement', growth, uniforms, maxLeaves } as const;
    const grown = await small.sequence().grow(tokens, request);
    grown.rows.release();
    expect(Array.from(grown.parents)).toEqual([-1, -1, 0, 0, 1, 1]);
    small.dispose();
  });

  it('refuses shapes that are not level by level', async () => {
    await expect(grow(fixed([-1, 0, -1]), 'withoutReplacement')).rejects.toThrow(/level by level/);
    await expect(grow(fixed([0]), 'withoutReplacement')).rejects.toThrow(/level by level/);
    await expect(grow(calibrated, 'topThenSampled')).rejects.toThrow(/fixed shape/);
  });

  it('stops at an abort, and goes on afterwards', async () => {
    const long = { ...calibrated, numNodes: 100 };
    const manyUniforms = Float64Array.from({ length: 100 }, (_, node) => ((node + 1) * 0.618034) % 1);
    const request = { sampler, siblings: 'withoutReplacement', growth: long, maxLeaves } as const;
    const abort = async (): Promise<unknown> => {
      const controller = new AbortController();
      const running = sequence.grow(prompt, {
        ...request,
        uniforms: manyUniforms,
        signal: controller.signal,
      });
      controller.abort(new Error('enough'));
      return running.then(
        ({ rows }) => rows.release(),
        (error: unknown) => error,
      );
    };
    // On a busy machine a tree may be grown before the abort.
    let error: unknown;
    for (let attempt = 0; attempt < 20 && error === undefined; attempt++) error = await abort();
    expect(error).toEqual(new Error('enough'));
    expect(sequence.length).toBeLessThanOrEqual(prompt.length);
    await check(await grow(calibrated, 'withoutReplacement'), 'withoutReplacement');
  });
});
