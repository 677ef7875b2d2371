// The law of what a dense target makes of drafts by its thinned self, on tables: no model, no addon.
import { describe, expect, it } from 'vitest';
import type { Draft, Drafter, DraftRequest } from '../../src/draft/drafter.js';
import { runRound } from '../../src/engine/round.js';
import { SparseTargetDrafter, type RowCollection } from '../../src/engine/sparse-recheck.js';
import type { DecodedTree, Target } from '../../src/engine/target.js';
import { createVerifier } from '../../src/engine/verifiers.js';
import { sample } from '../../src/sampling/categorical.js';
import { ArrayRows, type Distribution, type DistributionRows } from '../../src/sampling/distribution.js';
import { ROOT, TokenTree, type NodeIndex } from '../../src/tree/token-tree.js';
import type { TokenId } from '../../src/types.js';
import { randomModel, type TableModel } from '../helpers/table-model.js';
import { testAgainstLaw } from '../statistics/chi-square.js';

const vocabSize = 4;
const root = 0;
const numSamples = 6000;
const length = 3;

/** A sequence that several targets decode below. */
class Tape {
  tokens: TokenId[] = [];
}

class TableTarget implements Target {
  readonly contextSize = 1000;
  readonly maxBatch = 100;
  readonly #model: TableModel;
  readonly #tape: Tape;
  #decoded: { readonly tokens: Int32Array; readonly parents: Int32Array } | undefined;

  constructor(model: TableModel, tape: Tape) {
    this.#model = model;
    this.#tape = tape;
  }

  prefill(): Promise<number> {
    return Promise.resolve(0);
  }

  decode(tokens: Int32Array, parents: Int32Array): Promise<DecodedTree> {
    this.#decoded = { tokens, parents };
    const rows = Array.from(tokens.keys(), (node) =>
      this.#model.next([...this.#tape.tokens, ...this.#path(node)].slice(1)),
    );
    return Promise.resolve({ rows: new ArrayRows(rows), decodeMs: 0, samplingMs: 0 });
  }

  commit(node: NodeIndex): void {
    this.#tape.tokens.push(...this.#path(node));
  }

  #path(node: NodeIndex): TokenId[] {
    const { tokens, parents } = this.#decoded!;
    const path: TokenId[] = [];
    for (let at = node; at !== ROOT; at = parents[at]!) path.unshift(tokens[at]!);
    return path;
  }
}

/** Draws chains of two from a table. */
class TableDrafter implements Drafter {
  readonly name = 'table';
  readonly siblings = 'withReplacement';
  readonly hasDraftProbs = true;
  readonly maxNodes = 2;
  readonly maxLeaves = 1;
  readonly adaptsShape = false;
  readonly rollbacks: number[] = [];
  readonly #model: TableModel;

  constructor(model: TableModel) {
    this.#model = model;
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  draft({ tokens, maxNodes, uniform }: DraftRequest): Promise<Draft> {
    const drawn: TokenId[] = [];
    const rows: Distribution[] = [];
    for (let node = 0; node < Math.min(maxNodes, this.maxNodes); node++) {
      const row = this.#model.next([...tokens, ...drawn].slice(1));
      rows.push(row);
      drawn.push(sample(row, uniform(node)));
    }
    return Promise.resolve({ tree: TokenTree.chain(drawn), draftProbs: new ArrayRows(rows) });
  }

  accept(): void {
    // Learns nothing.
  }

  rollback(kept: number): void {
    this.rollbacks.push(kept);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}

class Collected implements RowCollection {
  readonly rows: Distribution[] = [];

  get numRows(): number {
    return this.rows.length;
  }

  row(index: number): Distribution {
    return this.rows[index]!;
  }

  append(rows: DistributionRows, indices: readonly number[]): void {
    this.rows.push(...indices.map((index) => rows.row(index)));
  }
}

/** Notes rows one place too late. */
class Shifted extends Collected {
  override append(rows: DistributionRows, indices: readonly number[]): void {
    super.append(
      rows,
      indices.map((index) => Math.min(index + 1, rows.numRows - 1)),
    );
  }
}

interface Method {
  readonly hasDrafter: boolean;
  readonly verifier: string;
  readonly collection?: new () => Collected;
  /** Tokens of the next run, decided by all that came before it. */
  readonly runFor?: (tokens: readonly TokenId[], lastAccepted: number) => number;
}

const [dense, thinned, small] = [1, 2, 3].map((seed) => randomModel(seed, vocabSize, 0.2)) as [
  TableModel,
  TableModel,
  TableModel,
];

/** The first tokens after the root. */
async function run(
  seed: number,
  { hasDrafter, verifier, collection = Collected, runFor = () => 4 }: Method,
): Promise<TokenId[]> {
  const tape = new Tape();
  const thinnedTarget = new TableTarget(thinned, tape);
  const drafter = new SparseTargetDrafter({
    drafter: hasDrafter ? new TableDrafter(small) : undefined,
    verifier: () => createVerifier('block'),
    target: () => thinnedTarget,
    isThinned: () => true,
    rewind: (kept) => {
      tape.tokens.length = kept;
      return Promise.resolve();
    },
    collect: () => new collection(),
    numTokens: 4,
  });
  const target = new TableTarget(dense, tape);
  const setup = {
    target,
    drafter,
    verifier: createVerifier(verifier),
    sampling: {},
    seed,
    signal: undefined,
  };
  const tokens = [root];
  let lastAccepted = 0;
  while (tokens.length <= length) {
    const start = { tokens: Int32Array.from(tokens), outputPosition: tokens.length - 1 };
    const round = await runRound(setup, {
      ...start,
      plan: { maxNodes: runFor(tokens, lastAccepted), isPlain: false },
    });
    lastAccepted = round.record.numAccepted;
    tokens.push(...round.tokens);
    expect(tape.tokens).toEqual(tokens.slice(0, -1));
  }
  return tokens.slice(1, 1 + length);
}

const law = new Map<string, number>();
function addLaw(history: readonly TokenId[], probability: number): void {
  if (history.length === length) {
    law.set(history.join(' '), probability);
    return;
  }
  const row = dense.next(history);
  row.ids.forEach((token, index) => addLaw([...history, token], probability * row.probs[index]!));
}
addLaw([], 1);

async function pValueOf(method: Method): Promise<number> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < numSamples; seed++) {
    const key = (await run(seed, method)).join(' ');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return testAgainstLaw(counts, law).pValue;
}

describe('drafts of a thinned target, verified by the dense one', () => {
  it.each([
    { hasDrafter: true, verifier: 'block' },
    { hasDrafter: true, verifier: 'rejection' },
    { hasDrafter: true, verifier: 'traversal' },
    { hasDrafter: true, verifier: 'naive' },
    { hasDrafter: false, verifier: 'block' },
    { hasDrafter: false, verifier: 'traversal' },
  ])('follow the law of the dense target: %o', async (method) => {
    expect(await pValueOf(method)).toBeGreaterThan(1e-4);
  });

  it('do where the length of a run depends on all that came before it', async () => {
    const runFor = (tokens: readonly TokenId[], lastAccepted: number): number =>
      1 + ((tokens.at(-1)! + 2 * lastAccepted) % 4);
    for (const hasDrafter of [true, false])
      expect(await pValueOf({ hasDrafter, verifier: 'block', runFor })).toBeGreaterThan(1e-4);
  });

  it('do not where the rows are not those that the tokens were drawn from', async () => {
    expect(await pValueOf({ hasDrafter: true, verifier: 'block', collection: Shifted })).toBeLessThan(1e-9);
  });
});
