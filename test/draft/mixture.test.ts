// Several drafters in one tree: what they propose is stubbed, so that trees can be written down and laws enumerated.
import { describe, expect, it } from 'vitest';
import type { Draft, Drafter, DraftRequest } from '../../src/draft/drafter.js';
import { MixtureDrafter } from '../../src/draft/mixture.js';
import { PromptLookupDrafter } from '../../src/draft/prompt-lookup.js';
import { SuffixDrafter } from '../../src/draft/suffix.js';
import { ArrayRows, type DistributionRows } from '../../src/sampling/distribution.js';
import { TokenTree, type NodeIndex, type SiblingDraws } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import { describeDrafterContract } from '../contracts/drafter.js';
import { enumerateTrees, type WeightedDraft } from '../helpers/enumerate-drafts.js';
import { lawError, type Rule } from '../helpers/output-law.js';
import { match, recursive, traversal } from '../helpers/rules.js';
import { randomModel } from '../helpers/table-model.js';

describeDrafterContract('a mixture', {
  create: () =>
    new MixtureDrafter({
      deterministic: [new PromptLookupDrafter({ numDraft: 4 }), new SuffixDrafter({ maxNodes: 4 })],
      maxNodes: 4,
    }),
  prompt: [1, 2, 3, 1, 2],
  outputs: [
    [3, 1],
    [2, 3],
  ],
});

describeDrafterContract('a mixture with few leaves', {
  create: () => {
    const suffix = new SuffixDrafter({ maxNodes: 8 });
    return new MixtureDrafter({ deterministic: [suffix], maxNodes: 8, maxLeaves: 2 });
  },
  // After 1 comes 2, 3, 4 or 5.
  prompt: [1, 2, 1, 3, 1, 4, 1, 5, 1],
  outputs: [
    [2, 1],
    [3, 1],
  ],
});

/** Proposes what it is given, and notes what it is told. */
class Stub implements Drafter {
  readonly maxNodes = 16;
  readonly maxLeaves = 16;
  readonly adaptsShape = false;
  readonly isSelective = true;
  readonly accepted: { tokens: readonly TokenId[]; nodes: readonly NodeIndex[]; candidates: unknown }[] = [];
  readonly requests: DraftRequest[] = [];
  readonly compared: DistributionRows[][] = [];
  next: Draft = { tree: TokenTree.chain([]) };

  constructor(
    readonly name: string,
    readonly siblings: SiblingDraws = 'deterministic',
    readonly numCandidates?: number,
  ) {}

  get hasDraftProbs(): boolean {
    return this.siblings !== 'deterministic';
  }

  begin = (): Promise<void> => Promise.resolve();
  dispose = (): Promise<void> => Promise.resolve();
  rollback(): void {}

  draft(request: DraftRequest): Promise<Draft> {
    this.requests.push(request);
    return Promise.resolve(this.next);
  }

  compare(...rows: DistributionRows[]): void {
    this.compared.push(rows);
  }

  accept(tokens: readonly TokenId[], nodes: readonly NodeIndex[], candidates: unknown): void {
    this.accepted.push({ tokens, nodes, candidates });
  }
}

const fixed = (tokens: number[], parents: number[], ...confidences: number[]): Draft => ({
  tree: new TokenTree(tokens, parents),
  confidences: Float64Array.from(confidences),
});

function request(maxNodes: number, needsDraftProbs = false): DraftRequest {
  const sampling = {};
  return { tokens: Int32Array.of(1, 2), maxNodes, sampling, needsDraftProbs, uniform: () => 0.5 };
}

const plain = ({ tree, sources }: Draft) => ({
  tokens: Array.from(tree.tokens),
  parents: Array.from(tree.parents),
  sources,
});

describe('a mixture of deterministic drafters', () => {
  function pair() {
    const [one, other] = [new Stub('one'), new Stub('other')];
    return { one, other, mixture: new MixtureDrafter({ deterministic: [one, other], maxNodes: 16 }) };
  }

  it('takes the likeliest paths of all, a common node once', async () => {
    const { one, other, mixture } = pair();
    one.next = fixed([5, 6, 7], [-1, 0, 1], 0.6, 0.58, 0.15);
    other.next = fixed([5, 8, 9], [-1, -1, 0], 0.43, 0.28, 0.28);
    expect(plain(await mixture.draft(request(4)))).toEqual({
      tokens: [5, 6, 8, 9],
      parents: [-1, 0, -1, 0],
      sources: ['one+other', 'one', 'other', 'other'],
    });
    expect(mixture.name).toBe('one+other');
    expect(mixture.siblings).toBe('deterministic');
  });

  it('learns which of them can be believed', async () => {
    const { one, other, mixture } = pair();
    const first = async (): Promise<number> => (await mixture.draft(request(1))).tree.tokens[0]!;
    one.next = fixed([5], [-1], 0.73);
    other.next = fixed([6], [-1], 0.43);
    expect(await first()).toBe(5);
    for (let round = 0; round < 40; round++) {
      await mixture.draft(request(2));
      // The boaster is never right, the modest one is always.
      mixture.accept([6, 1], [1]);
    }
    expect(await first()).toBe(6);
  });

  it('learns what it is worth that they agree', async () => {
    const { one, other, mixture } = pair();
    const first = async (): Promise<number> => (await mixture.draft(request(1))).tree.tokens[0]!;
    one.next = fixed([5, 6], [-1, -1], 0.45, 0.4);
    other.next = fixed([6], [-1], 0.4);
    expect(await first()).toBe(5);
    for (let round = 0; round < 40; round++) {
      await mixture.draft(request(2));
      mixture.accept([6, 1], [1]);
    }
    expect(await first()).toBe(6);
    // It is their agreement that counts, not the token.
    one.next = fixed([5, 7], [-1, -1], 0.4, 0.35);
    other.next = fixed([7], [-1], 0.35);
    expect(await first()).toBe(7);
  });

  it('learns from paths that the budget left out', async () => {
    const { one, other, mixture } = pair();
    const first = async (): Promise<number> => (await mixture.draft(request(1))).tree.tokens[0]!;
    one.next = fixed([5], [-1], 0.73);
    other.next = fixed([6], [-1], 0.43);
    for (let round = 0; round < 40; round++) {
      expect(round > 0 || (await first()) === 5).toBe(true);
      await mixture.draft(request(1));
      mixture.accept([6], []);
    }
    expect(await first()).toBe(6);
  });

  it('tells each what came of its own tree', async () => {
    const one = new Stub('one');
    const other = new Stub('other', 'deterministic', 2);
    const mixture = new MixtureDrafter({ deterministic: [one, other], maxNodes: 16 });
    expect(mixture.numCandidates).toBe(2);
    one.next = fixed([5, 6], [-1, 0], 0.9, 0.9);
    other.next = fixed([8, 5, 9], [-1, -1, 1], 0.1, 0.3, 0.2);
    const { tree } = await mixture.draft(request(16));
    expect(Array.from(tree.tokens)).toEqual([5, 6, 9, 8]);
    mixture.accept(
      [5, 9, 4],
      [0, 2],
      [
        [1, 2, 3],
        [11, 12],
        [21, 22],
        [31, 32],
        [41, 42],
      ],
    );
    expect(one.accepted).toEqual([{ tokens: [5, 9, 4], nodes: [0], candidates: undefined }]);
    expect(other.accepted).toEqual([
      {
        tokens: [5, 9, 4],
        nodes: [1, 2],
        candidates: [
          [1, 2],
          [41, 42],
          [11, 12],
          [31, 32],
        ],
      },
    ]);
  });
});

describe('a mixture with a model', () => {
  function withModel() {
    const [model, other] = [new Stub('model', 'withoutReplacement'), new Stub('other')];
    return { model, other, mixture: new MixtureDrafter({ deterministic: [other], model, maxNodes: 16 }) };
  }

  /**
   * Nodes that the model is asked for, at first and after rounds in which its first node is accepted and no other, but for each
   * third, in which the other drafter is right.
   */
  async function learntSizes(model: Stub, mixture: MixtureDrafter): Promise<number[]> {
    for (let round = 0; round < 21; round++) {
      if (round > 0)
        mixture.accept(...((round % 3 === 0 ? [[6, 7, 8], []] : [[5, 9], [0]]) as [number[], number[]]));
      await mixture.draft(request(4, true));
    }
    return [model.requests[0]!.maxNodes, model.requests.at(-1)!.maxNodes];
  }

  it('leaves it out where the others promise as much as it brought', async () => {
    const { model, other, mixture } = withModel();
    model.next = {
      tree: TokenTree.chain([5]),
      draftProbs: new ArrayRows([{ ids: Int32Array.of(5), probs: Float64Array.of(1) }]),
    };
    other.next = fixed([6, 7, 8], [-1, 0, 1], 0.94, 0.94, 0.94);
    const sure = await mixture.draft(request(4, true));
    expect(plain(sure)).toMatchObject({ tokens: [6, 7, 8], sources: ['other', 'other', 'other'] });
    expect(sure.draftProbs).toBeUndefined();
    expect(model.requests).toHaveLength(0);
    other.next = fixed([6, 7, 8], [-1, 0, 1], 0.6, 0.1, 0.1);
    const unsure = await mixture.draft(request(4, true));
    expect(plain(unsure)).toMatchObject({ tokens: [5, 6], parents: [-1, -1], sources: ['model', 'other'] });
    expect(unsure.draftProbs!.numRows).toBe(2);
    expect(Array.from(unsure.draftProbs!.row(1).ids)).toEqual([6]);
    expect(model.requests.at(-1)!.maxNodes).toBe(3);
    expect(mixture.siblings).toBe('mixed');
  });

  it('has the nodes of the others where they are likelier than the last ones of the model', async () => {
    const { model, other, mixture } = withModel();
    model.next = { tree: TokenTree.chain([5, 5, 5, 5]) };
    other.next = fixed([6, 7, 8], [-1, 0, 1], 0.3, 0.9, 0.9);
    expect(await learntSizes(model, mixture)).toEqual([4, 1]);
  });

  it('leaves away what is not worth its time, and has the model do so', async () => {
    const { model, other, mixture } = withModel();
    other.next = fixed([6, 7, 8], [-1, 0, 1], 0.6, 0.9, 0.3);
    model.next = { tree: TokenTree.chain([5]) };
    const all = await mixture.draft(request(16, true));
    expect(all.tree.numNodes).toBe(4);
    const worth = await mixture.draft({ ...request(16, true), minAcceptance: 0.3 });
    expect(model.requests.at(-1)!.minAcceptance).toBe(0.3);
    expect(mixture.isSelective).toBe(model.isSelective);
    expect(Array.from(worth.tree.tokens)).toEqual([5, 6, 7]);
  });

  it('believes the others less where the model does not agree, once that was right', async () => {
    const { model, other, mixture } = withModel();
    model.next = { tree: TokenTree.chain([5]) };
    other.next = fixed([5, 6], [-1, -1], 0.5, 0.45);
    const worth = { ...request(16, true), minAcceptance: 0.3 };
    const added: number[] = [];
    for (let round = 0; round < 12; round++) {
      const { tree } = await mixture.draft(worth);
      added.push(tree.numNodes - 1);
      mixture.accept([5, 9], [0]);
    }
    expect(added[0]).toBe(1);
    expect(added.at(-1)).toBe(0);
    // What was not decoded is learnt from, too.
    for (let round = 0; round < 40; round++) {
      await mixture.draft(worth);
      mixture.accept([6], []);
    }
    expect((await mixture.draft(worth)).tree.numNodes).toBe(2);
  });

  it('proposes nothing past the end of the text', async () => {
    const { model, other, mixture } = withModel();
    other.next = fixed([6, 7, 8], [-1, 0, -1], 0.5, 0.9, 0.3);
    model.next = { tree: TokenTree.chain([5]) };
    const tokensOf = async (isEnd?: (token: TokenId) => boolean): Promise<number[]> =>
      Array.from((await mixture.draft({ ...request(16, true), isEnd })).tree.tokens);
    expect(await tokensOf()).toContain(7);
    const ended = await tokensOf((token) => token === 6);
    expect(ended).toContain(6);
    expect(ended).toContain(8);
    expect(ended).not.toContain(7);
  });

  it('counts what the model left away as rejected', async () => {
    const { model, other, mixture } = withModel();
    model.next = { tree: TokenTree.chain([5]) };
    other.next = fixed([6, 7], [-1, 0], 0.3, 0.9);
    expect(await learntSizes(model, mixture)).toEqual([4, 2]);
  });

  it('adds no leaves beyond its own limit, but longer paths', async () => {
    const [model, other] = [new Stub('model', 'withoutReplacement'), new Stub('other')];
    const mixture = new MixtureDrafter({ deterministic: [other], model, maxNodes: 16, maxLeaves: 3 });
    model.next = { tree: new TokenTree([5, 6], [-1, -1]) };
    // Behind 5, a third leaf and what follows it, and one leaf too many.
    other.next = fixed([5, 7, 8, 9, 6], [-1, 0, -1, 2, -1], 0.4, 0.9, 0.3, 0.9, 0.2);
    expect(plain(await mixture.draft(request(16, true)))).toMatchObject({
      tokens: [5, 6, 7, 8, 9],
      parents: [-1, -1, 0, -1, 3],
    });
    model.next = { tree: new TokenTree([5, 6, 7], [-1, -1, -1]) };
    expect(plain(await mixture.draft(request(16, true)))).toMatchObject({
      tokens: [5, 6, 7, 7],
      parents: [-1, -1, -1, 0],
    });
  });

  it('tells it the rows of its own drafts, and nobody else', async () => {
    const { model, other, mixture } = withModel();
    const rows = new ArrayRows([]);
    model.next = {
      tree: TokenTree.chain([5]),
      draftProbs: new ArrayRows([{ ids: Int32Array.of(5), probs: Float64Array.of(1) }]),
    };
    other.next = fixed([6, 7], [-1, 0], 0.3, 0.1);
    const { draftProbs } = await mixture.draft(request(4, true));
    mixture.compare(draftProbs!, rows);
    expect(model.compared).toEqual([[draftProbs, rows]]);
    model.next = { tree: TokenTree.chain([]), draftProbs: new ArrayRows([]) };
    mixture.compare((await mixture.draft(request(4, true))).draftProbs!, rows);
    expect(model.compared).toHaveLength(1);
    expect(other.compared).toEqual([]);
  });

  const rules: [string, Rule][] = [
    ['naive', match],
    ['recursive', recursive],
    ['traversal', traversal],
  ];

  it.each(rules)('is lossless under %s, whatever the others add', async (_, rule) => {
    expect(rule.verifier.siblings).toContain('mixed');
    const [draftModel, target] = [randomModel(7, 3), randomModel(8, 3, 0.2)];
    const added = [
      fixed([0], [-1], 0.3),
      fixed([2, 1], [-1, 0], 0.3, 0.3),
      fixed([1, 2, 0], [-1, -1, 0], 0.3, 0.25, 0.2),
    ];
    for (const branches of added) {
      for (const siblings of ['withoutReplacement', 'withReplacement'] as const) {
        for (const widths of [[1], [2], [1, 1], [2, 1]]) {
          const mixed: WeightedDraft[] = [];
          for (const drawn of enumerateTrees(draftModel, widths, siblings)) {
            const { model, other, mixture } = withModel();
            model.next = drawn;
            other.next = branches;
            const { tree, draftProbs } = await mixture.draft(request(16, true));
            mixed.push({ ...drawn, tree, draftProbs: arrayOf(draftProbs!) });
          }
          expect(mixed.some(({ tree }, index) => index > 0 && tree.numNodes > widths[0]!)).toBe(true);
          expect(lawError(rule, target, mixed)).toBeLessThan(1e-12);
        }
      }
    }
  });

  it('would not be, if what it added did not stand behind what was drawn', async () => {
    const [draftModel, target] = [randomModel(7, 3), randomModel(8, 3)];
    const tampered = enumerateTrees(draftModel, [2], 'withoutReplacement').map((drawn) => ({
      ...drawn,
      // The fixed token takes the place of the second draw.
      tree: new TokenTree([drawn.tree.tokens[0]!, drawn.tree.tokens[0] === 0 ? 1 : 0], [-1, -1]),
    }));
    expect(lawError(traversal, target, tampered)).toBeGreaterThan(1e-3);
  });
});

it('a mixture looks back where its model does', async () => {
  const suffix = new SuffixDrafter({ maxNodes: 4 });
  const model: Drafter = Object.assign(new SuffixDrafter({ maxNodes: 4 }), {
    canLookBack: true,
    lookBack: () => Promise.resolve([true, false]),
  });
  const mixture = new MixtureDrafter({ deterministic: [suffix], model, maxNodes: 4 });
  const look = { tokens: Int32Array.of(1, 2), probabilities: Float64Array.of(1), uniform: () => 0 };
  expect(mixture.canLookBack).toBe(true);
  expect(await mixture.lookBack({ ...look, sampling: {}, needsDraftProbs: false })).toEqual([true, false]);
  const without = new MixtureDrafter({ deterministic: [suffix, new PromptLookupDrafter()], maxNodes: 4 });
  expect(without.canLookBack).toBe(false);
});

function arrayOf(rows: DistributionRows): ArrayRows {
  return new ArrayRows(Array.from({ length: rows.numRows }, (_, index) => rows.row(index)));
}
