// What was learnt of a pair's acceptance, kept between runs.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { AcceptanceModel, type AcceptanceCounts } from '../draft/acceptance-model.js';
import { cacheFolder } from '../model/cache-folder.js';
import type { Model } from '../model/model.js';
import { countsSchema, readLearnt, writeLearnt } from './learnt-file.js';

const fileSchema = z.object({ version: z.literal(2), models: z.record(z.string(), countsSchema) });

/** Acceptance of one pair of models, by how the target is sampled and tokens are drawn. */
export class AcceptanceStore {
  readonly #path: string | undefined;
  readonly #kept: Readonly<Record<string, AcceptanceCounts>>;
  readonly #models = new Map<string, AcceptanceModel>();

  /** @param path  file to go on from and to write to; undefined keeps nothing */
  constructor(path: string | undefined) {
    this.#path = path;
    this.#kept = (path === undefined ? undefined : readLearnt(path, fileSchema))?.models ?? {};
  }

  /**
   * What is known of draws of this kind.
   * @param factor  of the target's temperature that they are drawn at, default 1
   */
  of(kind: string, factor = 1): AcceptanceModel {
    const known = this.#models.get(kind) ?? new AcceptanceModel(this.#kept[kind], factor);
    this.#models.set(kind, known);
    return known;
  }

  /** Writes the file; it is whole or as it was before. */
  save(): void {
    const taught = Array.from(this.#models).filter(([, model]) =>
      model.toJSON().tried.some((tries) => tries > 0),
    );
    if (this.#path === undefined || taught.length === 0) return;
    writeLearnt(this.#path, { version: 2, models: { ...this.#kept, ...Object.fromEntries(taught) } });
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
