// Drafts end where the text does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { levelTree } from '../../src/tree/static-trees.js';
import { TokenTree, type NodeIndex } from '../../src/tree/token-tree.js';
import type { TreeGrowth } from '../../src/tree/tree-growth.js';
import { writeKnownLawModel } from '../fixtures/known-law.js';

const maxLeaves = 64;
const numNodes = 20;
const uniforms = Float64Array.from({ length: numNodes }, (_, node) => ((node + 1) * 0.618034) % 1);
const calibrated: TreeGrowth = {
  rule: 'calibrated',
  numNodes,
  knots: Float64Array.of(0, 0.5, 1),
  rates: Float64Array.of(0.5, 0.8, 0.95, 0.2, 0.6, 0.7),
};

describe('a token that ends the text', () => {
  const end = 1;
  const table = [
    [0.3, 0.3, 0.4],
    [0.4, 0.3, 0.3],
    [0.3, 0.4, 0.3],
  ];
  const folder = mkdtempSync(join(tmpdir(), 'outrider-end-'));
  let law: Model;
  let drawing: Sequence;

  beforeAll(async () => {
    const path = join(folder, 'law.gguf');
    writeKnownLawModel(path, { table, endToken: end });
    law = await loadModel(path, { gpu: 'off' });
    const options = { contextSize: 256, kvType: 'f32', flashAttention: 'off', threads: 1 } as const;
    drawing = (await law.createContext({ ...options, maxLeaves })).sequence();
  });
  afterAll(() => {
    drawing.context.dispose();
    law.dispose();
    rmSync(folder, { recursive: true });
  });

  const all = { sampler: new Sampler({}), uniforms };
  const treeOf = async (stopAtEnd: boolean, growth: TreeGrowth): Promise<TokenTree> => {
    await drawing.truncate(0);
    const siblings = 'withoutReplacement';
    const grown = await drawing.grow(Int32Array.of(3, 0), { ...all, siblings, growth, maxLeaves, stopAtEnd });
    grown.rows.release();
    return new TokenTree(grown.tokens, grown.parents);
  };
  const ends = ({ tokens }: TokenTree): NodeIndex[] =>
    Array.from(tokens.keys()).filter((node) => tokens[node] === end);
  const belowEnds = (tree: TokenTree): number => ends(tree).flatMap((node) => tree.children(node)).length;

  it.each([calibrated, { rule: 'dyspec', numNodes } as TreeGrowth])(
    'gets no children where that is asked for, by $rule',
    async (growth) => {
      const stopped = await treeOf(true, growth);
      expect(ends(stopped).length).toBeGreaterThan(0);
      expect(belowEnds(stopped)).toBe(0);
      expect(belowEnds(await treeOf(false, growth))).toBeGreaterThan(0);
    },
  );

  it('changes no fixed shape', async () => {
    const parents = levelTree([2, 2, 2]);
    const shape = Int32Array.from(parents);
    const tree = await treeOf(true, { rule: 'fixed', numNodes: parents.length, shape });
    expect(Array.from(tree.parents)).toEqual(parents);
    expect(belowEnds(tree)).toBeGreaterThan(0);
  });

  it('is the last of a chain', async () => {
    const chainOf = async (stopAtEnd?: boolean): Promise<number[]> => {
      await drawing.truncate(0);
      const drafted = await drawing.draft(Int32Array.of(3, 0), { ...all, numDraft: 16, stopAtEnd });
      drafted.rows.release();
      return Array.from(drafted.tokens);
    };
    const whole = await chainOf();
    expect(whole).toHaveLength(16);
    expect(whole.indexOf(end)).toBeGreaterThan(-1);
    expect(whole.indexOf(end)).toBeLessThan(15);
    expect(await chainOf(true)).toEqual(whole.slice(0, whole.indexOf(end) + 1));
  });
});
