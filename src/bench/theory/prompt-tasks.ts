// Which tasks the prompts of a file belong to. Knows nothing of prompts.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const lineSchema = z.object({ category: z.string().min(1) });

/**
 * The `category` of each line that is not empty, in the order of the file; undefined where a line has none, as plain texts
 * do. What else is in a line is not looked at.
 */
export async function readTasks(path: string): Promise<(string | undefined)[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  return lines.map(taskOf);
}

function taskOf(line: string): string | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(line)).data?.category;
  } catch {
    return undefined;
  }
}
