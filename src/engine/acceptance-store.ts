// What was learnt of a pair's acceptance, kept between runs. A file that cannot be read or written costs nothing but that.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { AcceptanceModel, type AcceptanceCounts } from '../draft/acceptance-model.js';
import { cacheFolder } from '../model/cache-folder.js';
import type { Model } from '../model/model.js';

const countsSchema = z.object({ tried: z.array(z.number().min(0)), accepted: z.array(z.number().min(0)) });
const fileSchema = z.object({ version: z.literal(1), models: z.record(z.string(), countsSchema) });

/** Acceptance of one pair of models, by how the target is sampled and tokens are drawn. */
export class AcceptanceStore {
  readonly #path: string | undefined;
  readonly #models = new Map<string, AcceptanceModel>();

  /** @param path  file to go on from and to write to; undefined keeps nothing */
  constructor(path: string | undefined) {
    this.#path = path;
    for (const [key, counts] of Object.entries(path === undefined ? {} : read(path)))
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
    if (this.#path === undefined || this.#models.size === 0) return;
    const temporary = `${this.#path}.${process.pid}.tmp`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(temporary, JSON.stringify({ version: 1, models: Object.fromEntries(this.#models) }));
      renameSync(temporary, this.#path);
    } catch {
      // A folder that cannot be written to: the next run starts from the prior again.
    }
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

function read(path: string): Record<string, AcceptanceCounts> {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).models;
  } catch {
    return {};
  }
}
