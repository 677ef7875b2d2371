// The first three tokens of the demo target with its draft against those without one.
import { describe } from 'vitest';
import { demoModel } from '../../src/cli/models.js';
import { againstPlainSampling, lawCases } from './law-cases.js';
import { trainedSettings } from './output-laws.js';

/** In the middle of a story: what comes next is open. */
const prompt = 'Tom went to the forest. He saw a';

describe('the law of the demo pair', () => {
  lawCases({
    target: demoModel('target'),
    draft: demoModel('draft'),
    prompt,
    settings: trainedSettings,
    chainLength: 3,
    ...againstPlainSampling(demoModel('target'), prompt),
  });
});
