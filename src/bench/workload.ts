// What a benchmark asks: conversations from files. Knows nothing of models or methods.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../chat/checked-json.js';
import type { Message } from '../chat/history.js';
import { messageSchema } from '../chat/transcript.js';
import { isCorrect, type EvalPrompt } from '../eval/task-file.js';
import { reportedCategory } from './spec-bench.js';

/** One conversation: questions asked one after the other, each after the answer to the one before. */
export interface BenchPrompt {
  readonly id: string;
  readonly category: string;
  /** What was said before the first question; a system message first, if there is one. */
  readonly before: readonly Message[];
  /** At least one. */
  readonly questions: readonly string[];
  /** What the last answer has to be or to contain; undefined where nobody can say. */
  readonly check: BenchCheck | undefined;
}

/** How an answer is judged. */
export type BenchCheck =
  | { readonly check: 'exact'; readonly answer: string }
  | { readonly check: 'contains'; readonly wanted: readonly string[] };

/** Prompts under one name. */
export interface Workload {
  readonly name: string;
  readonly prompts: readonly BenchPrompt[];
}

const identified = {
  id: z.union([z.string(), z.number()]).optional(),
  question_id: z.union([z.string(), z.number()]).optional(),
  category: z.string().optional(),
};

const lineSchema = z.union([
  z.object({ ...identified, turns: z.array(z.string()).min(1) }),
  z.object({
    ...identified,
    messages: z.array(messageSchema).min(1),
    check: z.enum(['exact', 'contains']).optional(),
    answer: z.string().optional(),
    wanted: z.array(z.string()).min(1).optional(),
  }),
  z.object({ ...identified, prompt: z.string() }),
]);

/**
 * Reads a workload: one JSON object a line, with `turns` as Spec-Bench's `question.jsonl` has them, with `messages` and
 * perhaps what the answer has to be as held-out tasks have them, or with a `prompt`; ids are different, and a line's number
 * where it has none. Its name is the file's.
 * @throws {TypeError} naming file and line of what is wrong
 */
export async function readWorkload(path: string): Promise<Workload> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  const name = basename(path).replace(/\.jsonl$/, '');
  const prompts: BenchPrompt[] = [];
  const linesOf = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const [number, where] = [index + 1, `${path}, line ${index + 1}`];
    const prompt = promptOf(line, { name, number, where });
    const before = linesOf.get(prompt.id);
    // Samples are told apart by it.
    if (before !== undefined)
      throw new TypeError(`Expected another id than ${prompt.id} in ${where}: line ${before} has it`);
    linesOf.set(prompt.id, number);
    prompts.push(prompt);
  }
  if (prompts.length === 0) throw new TypeError(`Expected prompts in ${path} but received none`);
  return { name, prompts };
}

interface Place {
  readonly name: string;
  readonly number: number;
  readonly where: string;
}

function promptOf(line: string, { name, number, where }: Place): BenchPrompt {
  const read = parseJson(
    line,
    lineSchema,
    'an object with "turns" (texts), "messages" (role and content) or "prompt" (a text)',
    where,
  );
  const shared = {
    id: String(read.question_id ?? read.id ?? number),
    category: read.category === undefined ? name : reportedCategory(read.category),
  };
  if ('turns' in read) return { ...shared, before: [], questions: read.turns, check: undefined };
  if ('prompt' in read) return { ...shared, before: [], questions: [read.prompt], check: undefined };
  const last = read.messages.at(-1)!;
  if (last.role !== 'user') throw new TypeError(`Expected a question as the last message in ${where}`);
  return {
    ...shared,
    before: read.messages.slice(0, -1),
    questions: [last.content],
    check: checkOf(read, where),
  };
}

function checkOf(
  read: {
    check?: 'exact' | 'contains' | undefined;
    answer?: string | undefined;
    wanted?: string[] | undefined;
  },
  where: string,
): BenchCheck | undefined {
  if (read.check === undefined) return undefined;
  if (read.check === 'exact' && read.answer !== undefined) return { check: 'exact', answer: read.answer };
  if (read.check === 'contains' && read.wanted !== undefined)
    return { check: 'contains', wanted: read.wanted };
  throw new TypeError(`Expected "answer" with the check exact and "wanted" with contains in ${where}`);
}

/** Whether the last answer is right; null where nobody can say. */
export function isAnswerCorrect({ check }: BenchPrompt, text: string): boolean | null {
  return check === undefined ? null : isCorrect({ ...check, messages: [] } as EvalPrompt, text);
}
