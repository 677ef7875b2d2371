import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sum } from 'simple-statistics';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContextFullError, UnsupportedCacheError } from '../../src/errors.js';
import type { Context } from '../../src/model/context.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { Sampler } from '../../src/model/sampler.js';
import type { Sequence } from '../../src/model/sequence.js';
import { TokenTree } from '../../src/tree/token-tree.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { decodeChain, rowDistance, takeRows } from '../helpers/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-sequence-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tolerance = 1e-4;
const sampler = new Sampler();
/** Longer than the sliding window of gemma3. */
const prompt = Array.from({ length: 40 }, (_, index) => 262 + ((index * 7) % 50));
/** A root with two children; node 1 has two children, of which node 3 has one. */
const tree = new TokenTree([270, 281, 292, 303, 314, 265], [-1, 0, 0, 1, -1, 3]);

function pathTo(node: number): number[] {
  const path: number[] = [];
  for (let at = node; at !== -1; at = tree.parents[at]!) path.unshift(tree.tokens[at]!);
  return path;
}

const decodeTree = (sequence: Sequence) =>
  sequence.decode({ tokens: tree.tokens, parents: tree.parents, sampler });

let model: Model;
let context: Context;
let referenceContext: Context;
/** Empty before each test. */
let sequence: Sequence;
/** Shows what is right, in a context of its own. */
let reference: Sequence;

/** Empties a sequence, whose state may not be able to go back to where a commit wants it. */
async function empty(used: Sequence): Promise<void> {
  await used.truncate(0).catch(() => used.truncate(0));
}

/** The row after `tokens`, computed from an empty cache. */
async function freshRow(tokens: readonly number[]) {
  await empty(reference);
  await reference.prefill(tokens.slice(0, -1));
  return decodeChain(reference, tokens.slice(-1));
}

function useModel(architecture: Parameters<typeof writeTinyModel>[1] & object): void {
  beforeAll(async () => {
    const path = join(folder, `${architecture.architecture}.gguf`);
    writeTinyModel(path, { vocabSize: 320, ...architecture });
    model = await loadModel(path, { gpu: 'off' });
    context = await model.createContext({
      contextSize: 256,
      sequences: 2,
      kvType: 'f32',
      flashAttention: 'off',
      rollbackTokens: 8,
    });
    referenceContext = await model.createContext({ contextSize: 256, kvType: 'f32', flashAttention: 'off' });
    sequence = context.sequence(0);
    reference = referenceContext.sequence();
  });

  beforeEach(async () => {
    await empty(sequence);
    await empty(context.sequence(1));
  });

  afterAll(() => {
    context.dispose();
    referenceContext.dispose();
    model.dispose();
  });
}

describe.each(['llama', 'qwen2', 'qwen3', 'qwen3moe', 'gemma3'] as const)(
  'a sequence of %s',
  (architecture) => {
    useModel({ architecture });

    it('gives a tree the rows of its paths decoded one after the other', async () => {
      await sequence.prefill(prompt);
      const rows = takeRows(await decodeTree(sequence));
      expect(rows).toHaveLength(tree.numNodes);
      for (const [node, row] of rows.entries()) {
        expect(rowDistance(row, await freshRow([...prompt, ...pathTo(node)]))).toBeLessThan(tolerance);
      }
    });

    it('goes on after a committed path as after a fresh prefill', async () => {
      for (let node = -1; node < tree.numNodes; node++) {
        await sequence.prefill(prompt);
        takeRows(await decodeTree(sequence));
        sequence.commit(node);
        const expected = [...prompt, ...pathTo(node)];
        expect(Array.from(sequence.tokens)).toEqual(expected);
        const row = await decodeChain(sequence, [277]);
        expect(rowDistance(row, await freshRow([...expected, 277]))).toBeLessThan(tolerance);
      }
    });

    it('drops a tree that nothing of was committed', async () => {
      await sequence.prefill(prompt);
      takeRows(await decodeTree(sequence));
      const row = await decodeChain(sequence, [277]);
      expect(rowDistance(row, await freshRow([...prompt, 277]))).toBeLessThan(tolerance);
    });

    it('is as after a fresh prefill when truncated', async () => {
      await sequence.prefill(prompt);
      await sequence.truncate(25);
      expect(Array.from(sequence.tokens)).toEqual(prompt.slice(0, 25));
      const row = await decodeChain(sequence, [277]);
      expect(rowDistance(row, await freshRow([...prompt.slice(0, 25), 277]))).toBeLessThan(tolerance);
    });

    it('keeps the prefix that a second prefill shares', async () => {
      expect(await sequence.prefill(prompt)).toBe(0);
      const other = [...prompt.slice(0, 20), 310, 311, 312];
      expect(await sequence.prefill(other)).toBe(20);
      const row = await decodeChain(sequence, [277]);
      expect(rowDistance(row, await freshRow([...other, 277]))).toBeLessThan(tolerance);
    });

    it('decodes after cells that were claimed, and is as fresh once they are gone', async () => {
      await sequence.prefill(prompt);
      await sequence.claim(150);
      expect(sequence.length).toBe(150);
      const claimed = await decodeChain(sequence, [277]);
      expect(sum(Array.from(claimed.probs))).toBeCloseTo(1, 6);
      await sequence.truncate(0);
      await sequence.prefill(prompt);
      const row = await decodeChain(sequence, [277]);
      expect(rowDistance(row, await freshRow([...prompt, 277]))).toBeLessThan(tolerance);
    });

    it('refuses to claim more than there is, and is empty then', async () => {
      await expect(sequence.claim(257)).rejects.toThrow(ContextFullError);
      expect(sequence.length).toBe(0);
      const other = context.sequence(1);
      await other.claim(200);
      await expect(sequence.claim(100)).rejects.toThrow(ContextFullError);
      expect(sequence.length).toBe(0);
      await sequence.prefill(prompt);
    });

    it('gives back what it claimed before there was no more', async () => {
      const small = await model.createContext({ contextSize: 256, sequences: 2, batchSize: 32, threads: 1 });
      const [one, other] = [small.sequence(0), small.sequence(1)];
      await other.claim(200);
      await expect(one.claim(100)).rejects.toThrow(ContextFullError);
      await other.claim(256);
      small.dispose();
    });

    it('is not disturbed by another sequence that computes in turns with it', async () => {
      const other = context.sequence(1);
      await Promise.all([sequence.prefill(prompt), other.prefill(prompt.toReversed())]);
      await Promise.all([sequence.prefill([...prompt, 301]), other.prefill([...prompt.toReversed(), 302])]);
      const row = await decodeChain(sequence, [277]);
      expect(rowDistance(row, await freshRow([...prompt, 301, 277]))).toBeLessThan(tolerance);
      const otherRow = await decodeChain(other, [288]);
      const expected = await freshRow([...prompt.toReversed(), 302, 288]);
      expect(rowDistance(otherRow, expected)).toBeLessThan(tolerance);
    });

    it('keeps its committed path while another sequence decodes', async () => {
      const other = context.sequence(1);
      await sequence.prefill(prompt);
      takeRows(await decodeTree(sequence));
      sequence.commit(5);
      await other.prefill(prompt.toReversed());
      const row = await decodeChain(sequence, [277]);
      expect(rowDistance(row, await freshRow([...prompt, ...pathTo(5), 277]))).toBeLessThan(tolerance);
    });
  },
);

describe.each(['mamba', 'lfm2'] as const)('a sequence of %s, which has a recurrent state', (architecture) => {
  useModel({ architecture });

  const chain = [270, 281, 292, 303];

  it('refuses a tree and stays as it was', async () => {
    await sequence.prefill(prompt);
    await expect(decodeTree(sequence)).rejects.toThrow(UnsupportedCacheError);
    const row = await decodeChain(sequence, [277]);
    expect(rowDistance(row, await freshRow([...prompt, 277]))).toBeLessThan(tolerance);
  });

  it('gives a chain the rows of its tokens decoded one after the other', async () => {
    await sequence.prefill(prompt);
    const rows = takeRows(await sequence.decode({ tokens: chain, sampler }));
    for (const [node, row] of rows.entries()) {
      const expected = await freshRow([...prompt, ...chain.slice(0, node + 1)]);
      expect(rowDistance(row, expected)).toBeLessThan(tolerance);
    }
  });

  it('goes back to a token of the chain, or refuses and is empty', async () => {
    await sequence.prefill(prompt);
    takeRows(await sequence.decode({ tokens: chain, sampler }));
    sequence.commit(1);
    const decoding = decodeChain(sequence, [277]);
    if (context.info.rollback === 'bounded') {
      const expected = await freshRow([...prompt, ...chain.slice(0, 2), 277]);
      expect(rowDistance(await decoding, expected)).toBeLessThan(tolerance);
    } else {
      await expect(decoding).rejects.toThrow(UnsupportedCacheError);
      expect(sequence.length).toBe(0);
    }
  });

  it('refuses to go back further than its snapshots, and is empty afterwards', async () => {
    await sequence.prefill(prompt);
    await expect(sequence.truncate(prompt.length - 20)).rejects.toThrow(UnsupportedCacheError);
    expect(sequence.length).toBe(0);
    const row = await decodeChain(sequence, [277]);
    expect(rowDistance(row, await freshRow([277]))).toBeLessThan(tolerance);
  });

  it('has no cells to claim', async () => {
    await expect(sequence.claim(10)).rejects.toThrow(UnsupportedCacheError);
    expect(sequence.length).toBe(0);
  });

  it('begins anew when a prefill shares a prefix that it cannot go back to', async () => {
    await sequence.prefill(prompt);
    const other = [...prompt.slice(0, 20), 310, 311];
    expect(await sequence.prefill(other)).toBe(0);
    const row = await decodeChain(sequence, [277]);
    expect(rowDistance(row, await freshRow([...other, 277]))).toBeLessThan(tolerance);
  });
});

it('lfm2 goes back within its snapshots and mamba not at all', async () => {
  const path = (name: string) => join(folder, `${name}.gguf`);
  const infos = [];
  for (const name of ['lfm2', 'mamba']) {
    using loaded = await loadModel(path(name), { gpu: 'off' });
    using created = await loaded.createContext({ contextSize: 256, rollbackTokens: 8 });
    infos.push([created.info.rollback, created.info.rollbackTokens, created.info.maxLeaves]);
  }
  expect(infos).toEqual([
    ['bounded', 8, 1],
    ['none', 0, 1],
  ]);
});
