// The law of a cascade, by every branch of its real code: inner drafts, inner verdicts, outer verdicts. No model, no addon.
import { describe, expect, it } from 'vitest';
import { DraftModelDrafter } from '../../src/draft/draft-model.js';
import type { Draft, Drafter, DraftRequest } from '../../src/draft/drafter.js';
import { MixtureDrafter } from '../../src/draft/mixture.js';
import { CascadeDrafter, type RowCollection } from '../../src/engine/cascade.js';
import { createVerifier } from '../../src/engine/verifiers.js';
import type { Sampler } from '../../src/model/sampler.js';
import { ArrayRows, probabilityOf, type DistributionRows } from '../../src/sampling/distribution.js';
import { TokenTree, type NodeIndex, type SiblingDraws } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import type { Verifier } from '../../src/verify/verifier.js';
import { describeDrafterContract } from '../contracts/drafter.js';
import { everyBranch, type Choices } from '../helpers/every-branch.js';
import { enumerateTrees, greedyTree, type WeightedDraft } from '../helpers/enumerate-drafts.js';
import { enumerateVerdicts } from '../helpers/enumerate-round.js';
import { FakeDraftSequence } from '../helpers/fake-draft-sequence.js';
import { FakeDrafter } from '../helpers/fake-engine.js';
import { lawError, type Rule } from '../helpers/output-law.js';
import { block, match, recursive, rejection, traversal } from '../helpers/rules.js';
import { TableDrafter } from '../helpers/table-drafter.js';
import { randomModel, type TableModel } from '../helpers/table-model.js';
import { Collected, Shifted, TableMiddle } from '../helpers/table-target.js';

const exact = 1e-12;
const root = 0;

function cascadeOverTables(numTokens: number): CascadeDrafter {
  const drafter = new DraftModelDrafter({
    sequence: new FakeDraftSequence(randomModel(3, 5)),
    ...{ contextSize: 100, vocabSize: 5, targetVocabSize: 5, siblings: 'withReplacement' },
    shape: { kind: 'chain', numNodes: 2 },
    createSampler: () => ({}) as Sampler,
  });
  const verifier = createVerifier('block');
  const middle = new TableMiddle(randomModel(4, 5), numTokens);
  return new CascadeDrafter({ drafter, verifier: () => verifier, middle, collect: () => new Collected() });
}

describeDrafterContract('a cascade, over tables', {
  create: () => cascadeOverTables(4),
  prompt: [1, 2, 3, 1],
  outputs: [
    [2, 0],
    [4, 1],
  ],
});

/** What the inner drafter may propose after a history, with the probability of each. */
type Proposals = (history: readonly TokenId[], maxNodes: number) => readonly WeightedDraft[];

/** A drafter whose draws the enumeration decides. */
class EnumeratedDrafter implements Drafter {
  readonly name = 'enumerated';
  readonly maxLeaves = 4;
  readonly adaptsShape = false;

  constructor(
    readonly siblings: SiblingDraws,
    readonly maxNodes: number,
    private readonly proposals: Proposals,
    private readonly choices: Choices,
  ) {}

  get hasDraftProbs(): boolean {
    return this.siblings !== 'deterministic';
  }

  begin = (): Promise<void> => Promise.resolve();
  dispose = (): Promise<void> => Promise.resolve();
  accept(): void {}
  rollback(): void {}

  draft({ tokens, maxNodes }: DraftRequest): Promise<Draft> {
    const proposals = this.proposals(Array.from(tokens.subarray(1)), Math.min(maxNodes, this.maxNodes));
    const confidences = (tree: TokenTree) => new Float64Array(tree.numNodes).fill(0.3);
    const { tree, draftProbs } =
      proposals[this.choices.draw(proposals.map(({ probability }) => probability))]!;
    return Promise.resolve({ tree, draftProbs, confidences: confidences(tree) });
  }
}

/** Verifies by a rule whose uniforms the enumeration decides. */
function enumeratedVerifier({ verifier, breakpoints }: Rule, choices: Choices): Verifier {
  return {
    ...{ name: verifier.name, lossless: verifier.lossless, needsDraftProbs: verifier.needsDraftProbs },
    ...{ siblings: verifier.siblings, chainsOnly: verifier.chainsOnly },
    fixedShapesOnly: verifier.fixedShapesOnly,
    verify(request) {
      const verdicts = enumerateVerdicts(verifier, request, breakpoints);
      return verdicts[choices.draw(verdicts.map(({ probability }) => probability))]!.verdict;
    },
  };
}

/** The model after a history. */
const after = (model: TableModel, history: readonly TokenId[]): TableModel => ({
  vocabSize: model.vocabSize,
  next: (later) => model.next([...history, ...later]),
});

/** A tree of these widths, as deep as the budget allows. */
function widthsWithin(widths: readonly number[], maxNodes: number): number[] {
  const kept: number[] = [];
  let [numNodes, numLast] = [0, 1];
  for (const width of widths) {
    numLast *= width;
    if ((numNodes += numLast) > maxNodes) break;
    kept.push(width);
  }
  return kept;
}

/** What the inner round is made of. */
interface Inner {
  readonly rule: Rule;
  readonly siblings: SiblingDraws;
  readonly widths: readonly number[];
  /** Beside the model, in one tree with it. */
  readonly others?: readonly Draft[];
}

const small = randomModel(101, 3, 0.2);

function innerDrafter({ siblings, widths, others }: Inner, choices: Choices): Drafter {
  const proposals: Proposals = (history, maxNodes) => {
    const model = after(small, history);
    const within = widthsWithin(widths, maxNodes);
    if (siblings === 'deterministic') return [greedyTree(model, within)];
    return enumerateTrees(model, within, siblings);
  };
  const drafter = new EnumeratedDrafter(siblings, 4, proposals, choices);
  if (others === undefined) return drafter;
  const deterministic = others.map(
    ({ tree }) =>
      new EnumeratedDrafter(
        'deterministic',
        4,
        () => [{ tree, draftProbs: undefined, probability: 1 }],
        choices,
      ),
  );
  return new MixtureDrafter({ deterministic, model: drafter, maxNodes: 4 });
}

const noUniforms = (): number => 0.5;

class ComparingDrafter extends TableDrafter {
  readonly told: DistributionRows[] = [];

  compare(draftRows: DistributionRows): void {
    this.told.push(draftRows);
  }
}

/** Every draft of a cascade after the root, each once. */
async function draftsOf(
  inner: Inner,
  middle: TableModel,
  numTokens: number,
  collect: () => RowCollection = () => new Collected(),
): Promise<WeightedDraft[]> {
  const runs = await everyBranch(async (choices) => {
    const verifier = enumeratedVerifier(inner.rule, choices);
    const cascade = new CascadeDrafter({
      drafter: innerDrafter(inner, choices),
      verifier: () => verifier,
      middle: new TableMiddle(middle, numTokens),
      collect,
    });
    const request = { tokens: Int32Array.of(root), maxNodes: numTokens, sampling: {}, uniform: noUniforms };
    const { tree, draftProbs } = await cascade.draft({ ...request, needsDraftProbs: true });
    expect(draftProbs!.numRows).toBe(numTokens);
    return { tree, rows: Array.from(tree.tokens.keys(), (node) => draftProbs!.row(node)) };
  });
  const drafts = new Map<string, WeightedDraft>();
  for (const { value, probability } of runs) {
    // Branches that come to the same tokens have to come to the same rows.
    const key = JSON.stringify([
      ...value.tree.tokens,
      value.rows.map(({ ids, probs }) => [...ids, ...probs]),
    ]);
    const known = drafts.get(key)?.probability ?? 0;
    const draftProbs = new ArrayRows(value.rows);
    drafts.set(key, { tree: value.tree, draftProbs, probability: known + probability });
  }
  return [...drafts.values()];
}

/** Largest difference between a row and the law that its node was really drawn from, over all nodes of all drafts. */
function rowError(drafts: readonly WeightedDraft[]): number {
  const mass = (prefix: readonly TokenId[]): number =>
    drafts
      .filter(({ tree }) => prefix.every((token, node) => tree.tokens[node] === token))
      .reduce((sum, { probability }) => sum + probability, 0);
  let largest = 0;
  for (const { tree, draftProbs } of drafts) {
    for (let node: NodeIndex = 0; node < tree.numNodes; node++) {
      const before = Array.from(tree.tokens.subarray(0, node));
      const row = draftProbs!.row(node);
      for (let token = 0; token < small.vocabSize; token++) {
        const law = mass([...before, token]) / mass(before);
        largest = Math.max(largest, Math.abs(law - probabilityOf(row, token)));
      }
    }
  }
  return largest;
}

const chain = { siblings: 'withReplacement', widths: [1, 1] } as const;
const tree = { siblings: 'withoutReplacement', widths: [2, 1] } as const;
const inners: [string, Inner][] = [
  ['a chain under rejection', { ...chain, rule: rejection }],
  ['a chain under block', { ...chain, rule: block }],
  ['a chain under match', { ...chain, rule: match }],
  ['a fixed chain under match', { siblings: 'deterministic', widths: [1, 1], rule: match }],
  ['a fixed tree under match', { siblings: 'deterministic', widths: [2, 1], rule: match }],
  ['a tree under recursive', { ...tree, rule: recursive }],
  ['a tree under traversal', { ...tree, rule: traversal }],
  [
    'a mixture under traversal',
    { ...tree, widths: [1, 1], rule: traversal, others: [{ tree: TokenTree.chain([1, 2]) }] },
  ],
];
const outers: [string, Rule][] = [
  ['rejection', rejection],
  ['block', block],
  ['match', match],
  ['traversal', traversal],
  ['recursive', recursive],
];

describe.each(inners)('a cascade whose middle model verifies %s', (_, inner) => {
  const middle = randomModel(102, 3, 0.2);
  const target = randomModel(103, 3, 0.2);
  const drafting = draftsOf(inner, middle, 3);

  it('drafts by the law of the middle model, whose rows it hands over', async () => {
    const drafts = await drafting;
    expect(drafts.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
    expect(rowError(drafts)).toBeLessThan(exact);
    for (const { tree: drafted, draftProbs } of drafts) {
      for (let node = 0; node < drafted.numNodes; node++)
        expect(draftProbs!.row(node)).toBe(middle.next(Array.from(drafted.tokens.subarray(0, node))));
    }
  });

  it.each(outers)('is lossless under %s', async (__, outer) => {
    expect(lawError(outer, target, await drafting)).toBeLessThan(exact);
  });
});

describe('a cascade', () => {
  const middle = randomModel(102, 3, 0.2);
  const target = randomModel(103, 3, 0.2);
  const inner: Inner = { ...chain, rule: block };

  it('is lossless where supports differ and drafts are of any length', async () => {
    for (const seed of [1, 2, 3]) {
      for (const numTokens of seed === 1 ? [1, 2, 4] : [1, 2]) {
        const drafts = await draftsOf(inner, randomModel(seed + 10, 3, 0.4), numTokens);
        expect(rowError(drafts)).toBeLessThan(exact);
        expect(lawError(block, randomModel(seed + 20, 3, 0.4), drafts)).toBeLessThan(exact);
      }
    }
  });

  it('would not be lossless with rows one place too late', async () => {
    const drafts = await draftsOf(inner, middle, 3, () => new Shifted());
    expect(rowError(drafts)).toBeGreaterThan(1e-2);
    expect(lawError(block, target, drafts)).toBeGreaterThan(1e-3);
  });

  it('would not be lossless if the middle model kept whatever was drafted', async () => {
    const keeping: Rule = {
      breakpoints: match.breakpoints,
      verifier: {
        ...match.verifier,
        verify: (request) => ({
          ...match.verifier.verify({ ...request, tree: request.tree }),
          acceptedNodes: Array.from(request.tree.tokens.keys()),
        }),
      },
    };
    const drafts = await draftsOf({ ...inner, rule: keeping }, middle, 3);
    expect(rowError(drafts)).toBeGreaterThan(1e-2);
    expect(lawError(block, target, drafts)).toBeGreaterThan(1e-3);
  });

  it('takes the likeliest tokens of the middle model where no draft probabilities are needed', async () => {
    const seen: unknown[] = [];
    const middleModel = new TableMiddle(middle, 3);
    const cascade = new CascadeDrafter({
      drafter: undefined,
      verifier: (sampling) => {
        seen.push(sampling);
        return match.verifier;
      },
      middle: middleModel,
      collect: () => new Collected(),
    });
    const sampling = { topK: 5 };
    const request = { tokens: Int32Array.of(root), maxNodes: 3, sampling, uniform: noUniforms };
    expect((await cascade.draft({ ...request, needsDraftProbs: false })).draftProbs).toBeUndefined();
    await cascade.draft({ ...request, needsDraftProbs: false });
    expect(seen).toEqual([
      { topK: 5, temperature: 0 },
      { topK: 5, temperature: 0 },
    ]);
    expect(seen[0]).toBe(seen[1]);
    expect((await cascade.draft({ ...request, needsDraftProbs: true })).draftProbs).toBeDefined();
    expect(seen[2]).toBe(sampling);
  });

  it('takes its drafter back to what the target accepted', async () => {
    const drafter = new FakeDrafter(([, ...history]) => middle.next(history).ids[0]!);
    const cascade = new CascadeDrafter({
      drafter,
      verifier: () => match.verifier,
      middle: new TableMiddle(middle, 3),
      collect: () => new Collected(),
    });
    const request = { maxNodes: 3, sampling: {}, needsDraftProbs: true, uniform: noUniforms };
    await cascade.draft({ ...request, tokens: Int32Array.of(root, 1) });
    cascade.accept([1, 2], [0]);
    expect(drafter.calls.at(-1)).toEqual(['rollback', [3]]);
    // A round without a draft rejects nothing.
    cascade.accept([1], []);
    expect(drafter.calls.at(-1)).toEqual(['accept', [1]]);
  });

  it('tells its drafter the rows of drafts that it passes on alone', async () => {
    const drafter = new ComparingDrafter(middle);
    const speaks = { after: true };
    const cascade = new CascadeDrafter({
      drafter,
      verifier: () => match.verifier,
      middle: Object.assign(new TableMiddle(middle, 3), { passesOn: true, speaksAfter: () => speaks.after }),
      collect: () => new Collected(),
    });
    const request = { maxNodes: 3, sampling: {}, needsDraftProbs: true, uniform: () => 0.5 };
    const rows = new ArrayRows([]);
    for (const after of [true, false]) {
      speaks.after = after;
      await cascade.draft({ ...request, tokens: Int32Array.of(root, 1) });
      drafter.told.length = 0;
      cascade.compare(rows, rows);
      expect(drafter.told).toHaveLength(after ? 0 : 1);
    }
  });

  it('takes its drafter back to where it was when it fails', async () => {
    const drafter = new FakeDrafter(([, ...history]) => middle.next(history).ids[0]!);
    drafter.onDraft = (call) => {
      if (call === 1) throw new Error('enough');
    };
    const options = { verifier: () => match.verifier, middle: new TableMiddle(middle, 9) };
    const cascade = new CascadeDrafter({ drafter, ...options, collect: () => new Collected() });
    const request = { maxNodes: 9, sampling: {}, needsDraftProbs: true, uniform: noUniforms };
    await expect(cascade.draft({ ...request, tokens: Int32Array.of(root, 1) })).rejects.toThrow('enough');
    expect(drafter.calls.at(-1)).toEqual(['rollback', [2]]);
  });
});
