// What is learnt in use, kept in the user's cache folder. A file that cannot be read or written costs nothing but that.
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeWholeFile } from '../model/whole-file.js';

/** Tries and successes, some of them faded. */
export const countsSchema = z.object({
  tried: z.array(z.number().min(0)),
  accepted: z.array(z.number().min(0)),
  missing: z.array(z.number().min(0)).optional(),
});

/** What {@link writeLearnt} wrote; undefined where there is nothing, or something else. */
export function readLearnt<T>(path: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Writes the file, or leaves what is there: the next run then learns again. */
export function writeLearnt(path: string, content: unknown): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeWholeFile(path, JSON.stringify(content));
  } catch {
    // A folder that cannot be written to.
  }
}
