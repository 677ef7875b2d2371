// The first three tokens of a trained model with several drafters in one tree against those without one.
import { describe } from 'vitest';
import { hasShared, storyModel } from '../helpers/shared-models.js';
import { againstPlainSampling, lawCases } from './law-cases.js';
import { brokenMixtures, mixtures, penalties, type Settings } from './output-laws.js';

/**
 * Repeats itself, and leaves open what comes next: in half of the rounds others add to what the draft model drew, and the
 * target accepts a sixth of that.
 */
const prompt = 'Once there was a boy. He was sad. Once there was a girl. She was';

const settings: Settings = [
  ['T 1', {}],
  ['penalties', penalties],
];

describe.skipIf(!hasShared)('the law of mixtures under stories260K (skipped without ../shared)', () => {
  lawCases({
    target: storyModel('f32'),
    draft: storyModel('noise20'),
    prompt,
    settings,
    chainLength: 4,
    lossless: mixtures(['match', 'recursive', 'traversal']),
    broken: brokenMixtures(),
    ...againstPlainSampling(storyModel('f32'), prompt),
  });
});
