// Mean acceptance lengths of a pair of models, method by method.
import { demoModel } from '../../src/cli/models.js';
import { loadEngine } from '../helpers/engines.js';
import { hasShared, storyModel, storyPrompts, type StoryDraft } from '../helpers/shared-models.js';

/** Draft tokens of a round. */
export const budgets = [4, 8, 16, 32] as const;
/** Output tokens of a generation. */
export const maxTokens = 150;
/** Seeds by which learning shapes learn before anything is counted; no others use them. */
const warmUpSeed = 1e6;
const numWarmUps = 8;

/** A pair and what it goes on from. */
export interface LengthPair {
  readonly name: string;
  readonly target: string;
  readonly draft: string;
  readonly prompts: () => readonly string[];
}

/** stories260K with one of its drafts. */
export function storyPair(draft: StoryDraft): LengthPair {
  return { name: draft, target: storyModel('f32'), draft: storyModel(draft), prompts: storyPrompts };
}

/** The demo models. */
export const demoPair: LengthPair = {
  name: 'demo pair',
  target: demoModel('target'),
  draft: demoModel('draft'),
  prompts: () => [
    'Once upon a time',
    'Tom went to the forest. He saw a',
    'Mia and her mother walked to the',
    'The old man had a small',
    'One day the little cat was',
  ],
};

/** Pairs beside the one of the reference. */
export const otherPairs: readonly LengthPair[] = [
  ...(hasShared ? [storyPair('noise05'), storyPair('noise20')] : []),
  demoPair,
];

/** A measured mean. */
export interface MeanLength {
  /** Output tokens a round, the recovered or bonus token included. */
  readonly mean: number;
  /** Of a ratio, clustered by generation. */
  readonly standardError: number;
}

/**
 * Mean acceptance length at temperature 1 over `numSeeds` generations of each prompt, seeds from `firstSeed` on.
 * @param shape  of the tree, without its budget
 */
export async function meanLength(
  pair: LengthPair,
  { shape, verifier }: { readonly shape: string; readonly verifier: string },
  budget: number,
  numSeeds: number,
  firstSeed = 0,
): Promise<MeanLength> {
  const tree = `${shape}:${budget}`;
  const engine = await loadEngine(pair.target, pair.draft, { tree, verifier, measureSpeedup: false });
  const learns = ['dynamic', 'sequoia', 'auto'].includes(shape);
  const generations: { rounds: number; tokens: number }[] = [];
  const run = async (seed: number): Promise<void> => {
    for (const [index, prompt] of pair.prompts().entries()) {
      const options = { maxTokens, ignoreEos: true, sampling: { temperature: 1 }, seed: seed + 1000 * index };
      const { stats } = await engine.generate(prompt, options).finish();
      generations.push({ rounds: stats.rounds, tokens: stats.acceptedTokens + stats.rounds });
    }
  };
  for (let seed = 0; learns && seed < numWarmUps; seed++) await run(warmUpSeed + seed);
  generations.length = 0;
  for (let seed = 0; seed < numSeeds; seed++) await run(firstSeed + seed);
  await engine.dispose();
  engine.target.dispose();
  return ratioOf(generations);
}

function ratioOf(generations: readonly { rounds: number; tokens: number }[]): MeanLength {
  const sum = (key: 'rounds' | 'tokens'): number => generations.reduce((total, one) => total + one[key], 0);
  const mean = sum('tokens') / sum('rounds');
  const squares = generations.reduce((total, { rounds, tokens }) => total + (tokens - mean * rounds) ** 2, 0);
  return { mean, standardError: Math.sqrt(squares) / sum('rounds') };
}
