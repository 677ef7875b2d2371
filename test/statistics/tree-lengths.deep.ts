// Mean acceptance length of every shape and rule on a trained pair, against an independent simulation.
import { describe, expect, it } from 'vitest';
import { report } from '../helpers/report.js';
import { loadEngine } from '../helpers/engines.js';
import { hasShared, storyModel, storyPrompts } from '../helpers/shared-models.js';

const budgets = [4, 8, 16, 32] as const;
/** Generations of each of the five prompts; their seeds are not those of the warm-up. */
const numSeeds = 16;
const numWarmUpSeeds = 8;
const warmUpSeed = 1e6;
const maxTokens = 150;
/** Share of the reference. */
const tolerance = 0.05;

interface Method {
  readonly tree: string;
  readonly verifier: string;
  /** At 4, 8, 16 and 32 nodes (../shared/research/reference-figures.md), noise10, temperature 1. */
  readonly reference: readonly [number, number, number, number];
}

const methods: readonly Method[] = [
  { tree: 'chain', verifier: 'match', reference: [2.102, 2.272, 2.279, 2.294] },
  { tree: 'chain', verifier: 'rejection', reference: [3.32, 4.212, 4.816, 4.852] },
  { tree: 'chain', verifier: 'block', reference: [3.489, 4.763, 6.101, 6.892] },
  { tree: 'dyspec', verifier: 'recursive', reference: [2.584, 2.917, 3.195, 3.557] },
  { tree: 'dyspec', verifier: 'traversal', reference: [2.629, 2.916, 3.205, 3.637] },
  { tree: 'eagle-2', verifier: 'naive', reference: [2.258, 2.703, 3.12, 3.523] },
  { tree: 'sequoia', verifier: 'recursive', reference: [3.32, 4.212, 4.979, 5.54] },
  { tree: 'sequoia', verifier: 'traversal', reference: [3.512, 4.815, 5.879, 6.965] },
  { tree: 'dynamic', verifier: 'recursive', reference: [3.375, 4.206, 5.113, 6.008] },
  { tree: 'dynamic', verifier: 'traversal', reference: [3.42, 4.719, 6.024, 6.993] },
];

async function meanLength(tree: string, verifier: string): Promise<number> {
  const engine = await loadEngine(storyModel('f32'), storyModel('noise10'), {
    tree,
    verifier,
    measureSpeedup: false,
  });
  const learns = tree.startsWith('dynamic') || tree.startsWith('sequoia');
  const run = async (seed: number): Promise<[rounds: number, tokens: number]> => {
    let [rounds, tokens] = [0, 0];
    for (const [index, prompt] of storyPrompts().entries()) {
      const options = { maxTokens, ignoreEos: true, sampling: { temperature: 1 }, seed: seed + 1000 * index };
      const { stats } = await engine.generate(prompt, options).finish();
      rounds += stats.rounds;
      tokens += stats.acceptedTokens + stats.rounds;
    }
    return [rounds, tokens];
  };
  for (let seed = 0; learns && seed < numWarmUpSeeds; seed++) await run(warmUpSeed + seed);
  let [rounds, tokens] = [0, 0];
  for (let seed = 0; seed < numSeeds; seed++) {
    const [moreRounds, moreTokens] = await run(seed);
    rounds += moreRounds;
    tokens += moreTokens;
  }
  await engine.dispose();
  engine.target.dispose();
  return tokens / rounds;
}

describe.skipIf(!hasShared)('stories260K with noise10 (skipped without ../shared)', () => {
  it('brings with every shape and rule the tokens a round that a simulation brings', async () => {
    const rows: { method: string; budget: number; measured: number; reference: number; ratio: number }[] = [];
    for (const { tree, verifier, reference } of methods) {
      for (const [index, budget] of budgets.entries()) {
        const measured = await meanLength(`${tree}:${budget}`, verifier);
        const wanted = reference[index]!;
        rows.push({
          method: `${tree} + ${verifier}`,
          budget,
          measured,
          reference: wanted,
          ratio: measured / wanted,
        });
      }
    }
    report(`Mean acceptance length, noise10, temperature 1, ${5 * numSeeds} x ${maxTokens} tokens`, rows);
    expect(rows.filter(({ ratio }) => Math.abs(ratio - 1) > tolerance)).toEqual([]);
  });
});
