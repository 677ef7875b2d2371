// Runs of the trained models that the greedy and the seeded comparisons share.
import type { GenerationResult } from '../../src/engine/decode-loop.js';
import type { EngineOptions, GenerateOptions } from '../../src/engine/options.js';
import { loadEngine } from '../helpers/engines.js';
import { storyModel, type StoryDraft } from '../helpers/shared-models.js';

/** Continues every prompt with stories260K; without a draft, plainly. */
export async function continueStories(
  draft: StoryDraft | undefined,
  prompts: readonly string[],
  options: GenerateOptions,
  engineOptions: Omit<EngineOptions, 'target' | 'draft'> = {},
): Promise<GenerationResult[]> {
  const draftPath = draft === undefined ? undefined : storyModel(draft);
  const engine = await loadEngine(storyModel('f32'), draftPath, engineOptions);
  const results: GenerationResult[] = [];
  for (const prompt of prompts) {
    results.push(await engine.generate(prompt, { ignoreEos: true, ...options }).finish());
  }
  await engine.dispose();
  engine.target.dispose();
  return results;
}
