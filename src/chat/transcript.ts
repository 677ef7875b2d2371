// Conversations as files. Knows nothing of models.
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseJson } from './checked-json.js';
import type { Message } from './history.js';

/** A message as files have it. */
export const messageSchema = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() });

const transcriptSchema = z.object({ messages: z.array(messageSchema) });

/** Writes the messages as one JSON object. */
export async function saveTranscript(path: string, messages: readonly Message[]): Promise<void> {
  await writeFile(path, `${JSON.stringify({ messages }, null, 2)}\n`);
}

/**
 * Reads what {@link saveTranscript} wrote.
 * @throws {TypeError} naming the first thing that is wrong with the file
 */
export async function loadTranscript(path: string): Promise<readonly Message[]> {
  return parseJson(await readFile(path, 'utf8'), transcriptSchema, 'a transcript', path).messages;
}
