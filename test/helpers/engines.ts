import { createEngine, type Engine } from '../../src/engine/engine.js';
import type { EngineOptions } from '../../src/engine/options.js';
import type { ContextOptions } from '../../src/model/context-options.js';
import { loadModel } from '../../src/model/load-model.js';

/** Contexts in which a tree and a chain give the same rows up to the last bits; one thread: the models are tiny. */
export const exactContext: ContextOptions = { kvType: 'f32', flashAttention: 'off', threads: 1 };

/** An engine over model files, in {@link exactContext}; the models go with it. */
export async function loadEngine(
  target: string,
  draft: string | undefined,
  options: Omit<EngineOptions, 'target' | 'draft' | 'middle'> = {},
  middle?: string,
): Promise<Engine> {
  const targetModel = await loadModel(target, { gpu: 'off' });
  const draftModel = draft === undefined ? undefined : await loadModel(draft, { gpu: 'off' });
  const middleModel = middle === undefined ? undefined : await loadModel(middle, { gpu: 'off' });
  try {
    const context = { ...exactContext, ...options.context };
    return await createEngine({
      keepAcceptance: false,
      guard: false,
      ...options,
      context,
      target: targetModel,
      draft: draftModel,
      middle: middleModel,
    });
  } finally {
    // Contexts keep the weights.
    draftModel?.dispose();
    middleModel?.dispose();
  }
}
