// Conversations as files. Knows nothing of models.
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Message } from './history.js';

const transcriptSchema = z.object({
  messages: z.array(z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })),
});

/** Writes the messages as one JSON object. */
export async function saveTranscript(path: string, messages: readonly Message[]): Promise<void> {
  await writeFile(path, `${JSON.stringify({ messages }, null, 2)}\n`);
}

/**
 * Reads what {@link saveTranscript} wrote.
 * @throws {TypeError} naming the first thing that is wrong with the file
 */
export async function loadTranscript(path: string): Promise<readonly Message[]> {
  const text = await readFile(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TypeError(`Expected JSON in ${path}: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
  const parsed = transcriptSchema.safeParse(value);
  if (!parsed.success) {
    throw new TypeError(`Expected a transcript in ${path}: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data.messages;
}
