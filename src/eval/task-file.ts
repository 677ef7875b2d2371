// Held-out prompts with checkable answers, as files. Knows nothing of models.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';

const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() });

const promptSchema = z.discriminatedUnion('check', [
  z.object({ check: z.literal('exact'), messages: z.array(message).min(1), answer: z.string() }),
  z.object({
    check: z.literal('contains'),
    messages: z.array(message).min(1),
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

function promptOf(line: string, where: string): EvalPrompt {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new TypeError(`Expected JSON in ${where}: ${(error as Error).message}`, { cause: error });
  }
  const parsed = promptSchema.safeParse(value);
  if (!parsed.success) throw new TypeError(`Expected a prompt in ${where}: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.messages.at(-1)?.role !== 'user') {
    throw new TypeError(`Expected a question as the last message in ${where}`);
  }
  return parsed.data;
}

/** True when `text` is the answer; white space around it does not count. */
export function isCorrect(prompt: EvalPrompt, text: string): boolean {
  if (prompt.check === 'exact') return text.trim() === prompt.answer.trim();
  return prompt.wanted.every((part) => text.includes(part));
}
