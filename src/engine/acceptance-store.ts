// What was learnt of a pair's acceptance, kept between runs.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { AcceptanceModel } from '../draft/acceptance-model.js';
import { cacheFolder } from '../model/cache-folder.js';
import type { Model } from '../model/model.js';
import { countsSchema, readLearnt, writeLearnt } from './learnt-file.js';

const fileSchema = z.object({ version: z.literal(1), models: z.record(z.string(), countsSchema) });

/** Acceptance of one pair of models, by how the target is sampled and tokens are drawn. */
export class AcceptanceStore {
  readonly #path: string | undefined;
  readonly #models = new Map<string, AcceptanceModel>();

  /** @param path  file to go on from and to write to; undefined keeps nothing */
  constructor(path: string | undefined) {
    this.#path = path;
    const kept = path === undefined ? undefined : readLearnt(path, fileSchema);
    for (const [key, counts] of Object.entries(kept?.models ?? {}))
      this.#models.set(key, new AcceptanceModel(counts));
  }

  /** What is known of draws of this kind. */
  of(kind: string): AcceptanceModel {
    const known = this.#models.get(kind) ?? new AcceptanceModel();
    this.#models.set(kind, known);
    return known;
  }

  /** Writes the file; it is whole or as it was before. */
  save(): void {
    const taught = Array.from(this.#models).filter(([, model]) =>
      model.toJSON().tried.some((tries) => tries > 0),
    );
    if (this.#path === undefined || taught.length === 0) return;
    writeLearnt(this.#path, { version: 1, models: Object.fromEntries(taught) });
  }
}

/** What tells a model from others, wherever its file lies. */
export function modelIdentity({ info, metadata }: Model): unknown {
  return [
    info.architecture,
    info.numParameters,
    info.sizeBytes,
    info.vocabSize,
    metadata['general.name'] ?? '',
  ];
}

/** The file of a pair in the user's cache folder. */
export function acceptancePath(target: Model, draft: Model): string {
  const key = createHash('sha256')
    .update(JSON.stringify([modelIdentity(target), modelIdentity(draft)]))
    .digest('hex');
  return join(cacheFolder(), 'acceptance', `${key.slice(0, 32)}.json`);
}
