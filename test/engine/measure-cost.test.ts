// What is measured before the first generation. Times themselves are the bench's matter.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MixtureDrafter } from '../../src/draft/mixture.js';
import { PromptLookupDrafter } from '../../src/draft/prompt-lookup.js';
import { SuffixDrafter } from '../../src/draft/suffix.js';
import { measureCost } from '../../src/engine/measure-cost.js';
import { createVerifier } from '../../src/engine/verifiers.js';
import { loadModel } from '../../src/model/load-model.js';
import type { Model } from '../../src/model/model.js';
import { TokenTree } from '../../src/tree/token-tree.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-measure-'));
const maxNodes = 4;
let model: Model;

beforeAll(async () => {
  writeTinyModel(join(folder, 'model.gguf'), { contextLength: 4096 });
  model = await loadModel(join(folder, 'model.gguf'), { gpu: 'off' });
});
afterAll(() => {
  model.dispose();
  rmSync(folder, { recursive: true });
});

const chainOf = (numNodes: number): TokenTree =>
  TokenTree.chain(Array.from({ length: numNodes }, (_, index) => index));

/** Context lengths that batches were timed at, each with their sizes. */
async function measured(contextSize: number, contextLengths?: readonly number[]) {
  using context = await model.createContext({ contextSize, threads: 1 });
  const drafter = new PromptLookupDrafter({ numDraft: maxNodes });
  const claim = vi.spyOn(context.sequence(), 'claim');
  const { batches } = await measureCost({ context, drafter, maxNodes, contextLengths });
  expect(context.sequence().length).toBe(0);
  const sizes = new Map<number, number[]>();
  for (const { contextLength, numTokens, ms } of batches) {
    expect(ms).toBeGreaterThan(0);
    sizes.set(contextLength, [...(sizes.get(contextLength) ?? []), numTokens]);
  }
  expect([...sizes.keys()].filter((length) => length > 0)).toEqual(
    claim.mock.calls.map(([length]) => length),
  );
  return Object.fromEntries(sizes);
}

describe('measuring what another size of batches costs', () => {
  const changeOf = async (measuresSizeChange?: boolean): Promise<number | undefined> => {
    using context = await model.createContext({ contextSize: 256, threads: 1 });
    const drafter = new PromptLookupDrafter({ numDraft: maxNodes });
    return (await measureCost({ context, drafter, maxNodes, measuresSizeChange })).sizeChangeMs;
  };

  it('is done on a GPU', async () => {
    expect(await changeOf()).toBeUndefined();
    const ms = (await changeOf(true))!;
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThan(50);
  });
});

describe('measuring batches', () => {
  it('takes more sizes on a GPU, which has another way through almost each', async () => {
    using context = await model.createContext({ contextSize: 256, threads: 1 });
    const sizesOf = async (measuresSizeChange: boolean): Promise<number[]> => {
      const drafter = new PromptLookupDrafter({ numDraft: 16 });
      const { batches } = await measureCost({ context, drafter, maxNodes: 16, measuresSizeChange });
      return batches.filter(({ contextLength }) => contextLength === 0).map(({ numTokens }) => numTokens);
    };
    expect(await sizesOf(false)).toEqual([1, 2, 3, 5, 9, 17]);
    expect(await sizesOf(true)).toEqual([1, 2, 3, 5, 9, 17, 4, 6, 7, 8, 11, 13]);
  });
});

describe('measuring drafts', () => {
  it('has the model draft by itself, whatever drafts beside it', async () => {
    using context = await model.createContext({ contextSize: 256, threads: 1 });
    const own = new PromptLookupDrafter({ numDraft: 16 });
    const draft = vi
      .spyOn(own, 'draft')
      .mockImplementation(({ maxNodes: count }) => Promise.resolve({ tree: chainOf(count) }));
    const drafter = new MixtureDrafter({ deterministic: [new SuffixDrafter()], model: own, maxNodes: 16 });
    Object.defineProperty(drafter, 'isWeightless', { value: false });
    await measureCost({ context, drafter, maxNodes: 16 });
    expect(Math.max(...draft.mock.calls.map(([request]) => request.maxNodes))).toBeGreaterThan(12);
  });

  /** Sizes that are measured, and what all of it takes, of a drafter that takes so long for a token. */
  async function draftsOf(msPerToken: number) {
    using context = await model.createContext({ contextSize: 256, threads: 1 });
    let clock = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => clock);
    const drafter = new PromptLookupDrafter({ numDraft: 16 });
    const draft = vi.spyOn(drafter, 'draft');
    draft.mockImplementation(async (request) => {
      clock += msPerToken * request.maxNodes;
      return { tree: chainOf(request.maxNodes) };
    });
    try {
      const { drafts } = await measureCost({ context, drafter, maxNodes: 16 });
      return { drafts, ms: clock, numDrafts: draft.mock.calls.length };
    } finally {
      now.mockRestore();
    }
  }
  const sizes = [1, 2, 4, 8, 16];

  it('repeats each size where that is quick', async () => {
    const { drafts, numDrafts } = await draftsOf(1);
    expect(drafts).toEqual(sizes.map((numNodes) => ({ numNodes, ms: numNodes })));
    // Nine of each, as far as eight take 40 ms.
    expect(numDrafts).toBe(1 + 9 + 9 + 9 + 6 + 3);
  });

  it('of verifying are held against all that it takes to get there', async () => {
    using context = await model.createContext({ contextSize: 256, threads: 1 });
    const drafter = new PromptLookupDrafter({ numDraft: 16 });
    let clock = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => clock);
    const verifier = createVerifier('match');
    const verify = vi.spyOn(verifier, 'verify');
    vi.spyOn(drafter, 'draft').mockImplementation(async ({ maxNodes: count }) => {
      clock += 20;
      return { tree: chainOf(count) };
    });
    try {
      const { verifications } = await measureCost({ context, drafter, maxNodes: 16, verifier });
      expect(verifications!.map(({ numNodes }) => numNodes)).toEqual([1, 4, 16]);
      // One that does not count, and of each size as many as take 40 ms.
      expect(verify.mock.calls.length).toBeLessThan(11);
    } finally {
      now.mockRestore();
    }
  });

  it('leaves out what would take longer than it may', async () => {
    const { drafts, ms } = await draftsOf(40);
    expect(drafts.map(({ numNodes }) => numNodes)).toEqual([1, 2]);
    expect(ms).toBeLessThan(400);
    // One is known in any case.
    expect((await draftsOf(10_000)).drafts).toHaveLength(1);
  });
});

describe('measuring batches', () => {
  it('times them on an empty context and after a long one', async () => {
    expect(await measured(4096)).toEqual({ 0: [1, 2, 3, 5], 2048: [1, 5, 3] });
  });

  it('times them as late as there is room for, if that tells anything', async () => {
    expect(await measured(512)).toEqual({ 0: [1, 2, 3, 5], 507: [1, 5, 3] });
    expect(await measured(256)).toEqual({ 0: [1, 2, 3, 5] });
  });

  it('times them where it is asked to', async () => {
    expect(await measured(1024, [300, 600, 1024])).toEqual({
      0: [1, 2, 3, 5],
      300: [1, 5, 3],
      600: [1, 5, 3],
    });
  });
});
