// The first three tokens of a trained model with a draft against those without one.
import { describe } from 'vitest';
import { hasShared, storyModel } from '../helpers/shared-models.js';
import { againstPlainSampling, lawCases } from './law-cases.js';
import { trainedSettings } from './output-laws.js';

/** Repeats itself, so that DRY has something to see, and leaves open what comes next. */
const prompt = 'Lily saw a big dog. Tim saw a big';

describe.skipIf(!hasShared)('the law of stories260K with noise10 (skipped without ../shared)', () => {
  lawCases({
    target: storyModel('f32'),
    draft: storyModel('noise10'),
    prompt,
    settings: trainedSettings,
    // No bonus token within an outcome: rejections, which broken verifiers get wrong, are as common as can be.
    chainLength: 3,
    ...againstPlainSampling(storyModel('f32'), prompt),
  });
});
