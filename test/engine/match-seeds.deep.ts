// Sampling with match from a seed: the draft must not be seen in the output.
import { describe, expect, it } from 'vitest';
import { report } from '../helpers/report.js';
import { hasShared, storyPrompts } from '../helpers/shared-models.js';
import { continueStories } from './story-runs.js';

const numSeeds = 50;

describe.skipIf(!hasShared)('stories260K with noise10, match (skipped without ../shared)', () => {
  it('samples with a draft what it samples without, for 50 seeds of 100 tokens', async () => {
    const counts = { seeds: 0, equal: 0, tokens: 0, accepted: 0, drafted: 0 };
    for (let seed = 0; seed < numSeeds; seed++) {
      const prompt = storyPrompts()[seed % 5]!;
      const options = { maxTokens: 100, seed, sampling: { temperature: 0.9 } };
      const [plain] = await continueStories(undefined, [prompt], options);
      const [drafted] = await continueStories('noise10', [prompt], options, { verifier: 'match' });
      counts.seeds += 1;
      counts.equal += Number(drafted!.tokens.join() === plain!.tokens.join());
      counts.tokens += drafted!.tokens.length;
      counts.accepted += drafted!.stats.acceptedTokens;
      counts.drafted += drafted!.stats.draftTokens;
    }
    report('Tokens sampled with match at temperature 0.9, with noise10 against without a draft', [counts]);
    expect(counts.tokens).toBe(100 * numSeeds);
    expect(counts.equal).toBe(numSeeds);
  });
});
