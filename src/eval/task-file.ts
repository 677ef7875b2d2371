// Held-out prompts with checkable answers, as files. Knows nothing of models.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../chat/checked-json.js';
import { messageSchema } from '../chat/transcript.js';

const promptSchema = z.discriminatedUnion('check', [
  z.object({ check: z.literal('exact'), messages: z.array(messageSchema).min(1), answer: z.string() }),
  z.object({
    check: z.literal('contains'),
    messages: z.array(messageSchema).min(1),
    wanted: z.array(z.string()).min(1),
  }),
]);

/** A conversation up to the question to answer, and what the answer has to be or to contain. */
export type EvalPrompt = z.infer<typeof promptSchema>;

/** The prompts of one task. */
export interface EvalTask {
  readonly name: string;
  readonly prompts: readonly EvalPrompt[];
}

/**
 * Reads a task: one JSON object a line, `{"messages", "check": "exact", "answer"}` or
 * `{"messages", "check": "contains", "wanted"}`. Its name is the file's.
 * @throws {TypeError} naming file and line of what is wrong
 */
export async function readTask(path: string): Promise<EvalTask> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  const prompts: EvalPrompt[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() !== '') prompts.push(promptOf(line, `${path}, line ${index + 1}`));
  }
  if (prompts.length === 0) throw new TypeError(`Expected prompts in ${path} but received none`);
  return { name: basename(path).replace(/\.jsonl$/, ''), prompts };
}

/** Paths of the tasks in a folder, by name. */
export async function tasksIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => join(folder, name));
}

function promptOf(line: string, where: string): EvalPrompt {
  const prompt = parseJson(line, promptSchema, 'a prompt', where);
  if (prompt.messages.at(-1)?.role === 'user') return prompt;
  throw new TypeError(`Expected a question as the last message in ${where}`);
}

/** True when `text` is the answer; white space around it does not count. */
export function isCorrect(prompt: EvalPrompt, text: string): boolean {
  if (prompt.check === 'exact') return text.trim() === prompt.answer.trim();
  return prompt.wanted.every((part) => text.includes(part));
}
