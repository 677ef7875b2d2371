// The first three tokens of a trained model with drafters of drafters against those without one.
import { describe } from 'vitest';
import { hasShared, storyModel } from '../helpers/shared-models.js';
import { againstPlainSampling, lawCases } from './law-cases.js';
import { brokenCascades, cascades, penalties, type CascadeModels, type Settings } from './output-laws.js';

/** Repeats itself, so that penalties and suffixes have something to see, and leaves open what comes next. */
const prompt = 'Tom liked to play with his red car. Tom liked to play with';

const settings: Settings = [
  ['T 1', {}],
  ['penalties', penalties],
];

const chain: CascadeModels = {
  middle: storyModel('noise05'),
  draft: storyModel('noise20'),
  tree: 'chain:2',
};
const quantised: CascadeModels = { middle: storyModel('q8_0'), draft: storyModel('q4_0'), tree: 'chain:2' };
/** Most of its drafts are rejected, which is where mistakes show. */
const poor: CascadeModels = { middle: storyModel('noise20'), draft: storyModel('noise10'), tree: 'chain:2' };
const tree: CascadeModels = { ...chain, middle: storyModel('noise10'), tree: 'static:2,1' };
const suffix: CascadeModels = { middle: storyModel('noise10'), drafter: 'suffix', tree: 'chain:3' };

describe.skipIf(!hasShared)('the law of cascades under stories260K (skipped without ../shared)', () => {
  lawCases({
    target: storyModel('f32'),
    draft: storyModel('noise20'),
    prompt,
    settings,
    chainLength: 2,
    lossless: [
      ...cascades([chain, quantised], ['rejection', 'block', 'match']),
      ...cascades([poor], ['rejection', 'block']),
      ...cascades([tree, suffix], ['block']),
    ],
    broken: brokenCascades([poor]),
    ...againstPlainSampling(storyModel('f32'), prompt),
  });
});
