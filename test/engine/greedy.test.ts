import { describe, expect, it } from 'vitest';
import { hasShared, storyDrafts, storyPrompts } from '../helpers/shared-models.js';
import { continueStories } from './story-runs.js';

// The long version, with more prompts and all figures, is greedy.deep.ts.
describe.skipIf(!hasShared)('stories260K, greedy (skipped without ../shared)', () => {
  it.each(storyDrafts)('says with the draft %s what it says without', async (draft) => {
    const prompts = storyPrompts().slice(0, 2);
    const options = { maxTokens: 60, sampling: { temperature: 0 } };
    const plain = await continueStories(undefined, prompts, options);
    const results = await continueStories(draft, prompts, options);
    expect(results.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
    for (const { stats } of results) expect(stats.acceptedTokens).toBeGreaterThan(0);
  });
});
