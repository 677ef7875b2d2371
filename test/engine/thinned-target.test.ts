// The law of what a dense target makes of drafts by its thinned self, on tables: no model, no addon.
import { describe, expect, it } from 'vitest';
import { CascadeDrafter } from '../../src/engine/cascade.js';
import { runRound } from '../../src/engine/round.js';
import { createVerifier } from '../../src/engine/verifiers.js';
import type { TokenId } from '../../src/types.js';
import { TableDrafter } from '../helpers/table-drafter.js';
import { randomModel, type TableModel } from '../helpers/table-model.js';
import { Collected, Shifted, TableTarget, Tape } from '../helpers/table-target.js';
import { testAgainstLaw } from '../statistics/chi-square.js';

const vocabSize = 4;
const root = 0;
const numSamples = 6000;
const length = 3;

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
  const drafter = new CascadeDrafter({
    drafter: hasDrafter ? new TableDrafter(small) : undefined,
    verifier: () => createVerifier('block'),
    middle: {
      name: 'thinned',
      numTokens: 4,
      passesOn: true,
      speaksAfter: () => true,
      begin: () => Promise.resolve(),
      enter: () => Promise.resolve(thinnedTarget),
      leave: (kept) => {
        tape.tokens.length = kept;
        return Promise.resolve();
      },
    },
    collect: () => new collection(),
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
