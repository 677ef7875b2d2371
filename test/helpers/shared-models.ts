import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const shared = new URL('../../../shared/', import.meta.url);

/** Drafts made from the stories260K model. */
export const storyDrafts = ['q8_0', 'noise05', 'q4_0', 'noise10', 'noise20'] as const;

/** A stories260K model: `f32` is the target, the others are drafts of it. */
export type StoryDraft = 'f32' | (typeof storyDrafts)[number];

/** The file of a stories260K model. */
export function storyModel(kind: StoryDraft): string {
  return fileURLToPath(new URL(`models/stories260K-${kind}.gguf`, shared));
}

/** False where ../shared is absent; tests that need it say so in their name and skip. */
export const hasShared = existsSync(storyModel('f32'));

/** The five lines of story-prompts.txt. */
export function storyPrompts(): string[] {
  const text = readFileSync(new URL('data/prompts/story-prompts.txt', shared), 'utf8');
  return text.split('\n').filter((line) => line !== '');
}
