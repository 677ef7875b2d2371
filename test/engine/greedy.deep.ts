// Greedy output of a trained model with every draft, token for token, and how much of it was drafted.
import { describe, expect, it } from 'vitest';
import { sum } from 'simple-statistics';
import { report } from '../helpers/report.js';
import { hasShared, storyDrafts, storyPrompts } from '../helpers/shared-models.js';
import { storyOpenings } from '../helpers/story-openings.js';
import { continueStories } from './story-runs.js';

const greedy = { sampling: { temperature: 0 } };
const drafts = ['f32', ...storyDrafts] as const;
const trees = [
  ...['static:4', 'static:2,2,1', 'static:1,1,3,1', 'static:3,2,1,1'],
  ...['dynamic:8', 'dynamic:32', 'sequoia:16', 'dyspec:8', 'eagle-2:16', 'opt-tree:16', 'auto:8'],
];
/** Accepted / drafted of llama.cpp v0.5.0 (../shared/README.md). */
const references: Record<string, number> = {
  q8_0: 0.98,
  noise05: 0.81,
  q4_0: 0.72,
  noise10: 0.64,
  noise20: 0.26,
};

describe.skipIf(!hasShared)('stories260K, greedy (skipped without ../shared)', () => {
  it('says with every draft what it says without, on 20 prompts of 200 tokens', async () => {
    const prompts = [...storyPrompts(), ...storyOpenings];
    const options = { ...greedy, maxTokens: 200 };
    const plain = await continueStories(undefined, prompts, options);
    const rows = [];
    for (const draft of drafts) {
      const results = await continueStories(draft, prompts, options, { tree: 'chain:4' });
      const numEqual = results.filter(({ tokens }, index) => tokens.join() === plain[index]!.tokens.join());
      rows.push({
        draft,
        'equal prompts': `${numEqual.length} of ${prompts.length}`,
        tokens: sum(results.map(({ tokens }) => tokens.length)),
        'mean acceptance length':
          1 +
          sum(results.map(({ stats }) => stats.acceptedTokens)) /
            sum(results.map(({ stats }) => stats.rounds)),
      });
      expect(results.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
    }
    report('Greedy tokens with a draft against plain decoding, chain:4', rows);
    expect(new Set(plain.map(({ tokens }) => tokens.length))).toEqual(new Set([200]));
  });

  it('says with every tree what it says without, on 20 prompts of 200 tokens', async () => {
    const prompts = [...storyPrompts(), ...storyOpenings];
    const options = { ...greedy, maxTokens: 200 };
    const plain = await continueStories(undefined, prompts, options);
    const rows = [];
    for (const tree of trees) {
      const results = await continueStories('noise10', prompts, options, { tree, measureSpeedup: false });
      const numEqual = results.filter(({ tokens }, index) => tokens.join() === plain[index]!.tokens.join());
      rows.push({
        tree,
        'equal prompts': `${numEqual.length} of ${prompts.length}`,
        'mean acceptance length':
          1 +
          sum(results.map(({ stats }) => stats.acceptedTokens)) /
            sum(results.map(({ stats }) => stats.rounds)),
      });
      expect(results.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
    }
    report('Greedy tokens with a tree against plain decoding, noise10', rows);
  });

  it('accepts as much of each draft as llama.cpp does', async () => {
    const rows = [];
    for (const draft of storyDrafts) {
      const options = { tree: 'chain:4', measureSpeedup: false };
      const results = await continueStories(draft, storyPrompts(), { ...greedy, maxTokens: 120 }, options);
      const drafted = sum(results.map(({ stats }) => stats.draftTokens));
      const accepted = sum(results.map(({ stats }) => stats.acceptedTokens));
      rows.push({ draft, accepted, drafted, share: accepted / drafted, 'llama.cpp': references[draft]! });
    }
    report('Accepted / drafted, 5 prompts of 120 tokens, chain:4', rows);
    for (const row of rows) expect(Math.abs(row.share - row['llama.cpp'])).toBeLessThan(0.03);
  });
});
