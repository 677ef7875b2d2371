// Prompts from files of several kinds. Knows nothing of what they are for.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseJson } from '../chat/checked-json.js';
import type { Message } from '../chat/history.js';
import { encodeMessages, templateOf } from '../chat/prompt-tokens.js';
import { messageSchema } from '../chat/transcript.js';
import { PromptFileError } from '../errors.js';
import type { Model } from '../model/model.js';
import { reportedCategory } from './spec-bench.js';

/** A text to go on from, or a conversation to answer. */
export type Prompt = ({ readonly text: string } | { readonly messages: readonly Message[] }) & {
  /** The task that it belongs to, where its line tells one; those of Spec-Bench as its tables have them. */
  readonly category?: string | undefined;
};

const shared = { category: z.string().min(1).optional().catch(undefined) };
const lineSchema = z.union([
  z.object({ ...shared, prompt: z.string().min(1) }),
  z.object({ ...shared, messages: z.array(messageSchema).min(1) }),
  z.object({ ...shared, turns: z.array(z.string()).min(1) }),
]);

/**
 * Reads prompts, one a line. A file called .jsonl, or whose first line begins with a brace, has JSON objects with a `prompt`, or
 * `messages` as the tasks of `outrider eval` have them, or `turns` as Spec-Bench has them, of which the first is taken; any
 * other file has plain texts.
 * @throws {PromptFileError} naming file and line of what is wrong
 */
export async function readPrompts(path: string): Promise<Prompt[]> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw new PromptFileError(`The prompts in ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const lines = [...content.split('\n').entries()].filter(([, line]) => line.trim() !== '');
  if (lines.length === 0) throw new PromptFileError(`There are no prompts in ${path}`);
  const isJson = path.endsWith('.jsonl') || lines[0]![1].trimStart().startsWith('{');
  return lines.map(([index, line]) =>
    isJson ? promptOf(line, `${path}, line ${index + 1}`) : { text: line.replace(/\r$/, '') },
  );
}

function promptOf(line: string, where: string): Prompt {
  try {
    const value = parseJson(line, lineSchema, 'a prompt, messages or turns', where);
    const category = value.category && reportedCategory(value.category);
    if ('prompt' in value) return { text: value.prompt, category };
    if ('messages' in value) return { messages: value.messages, category };
    return { messages: [{ role: 'user', content: value.turns[0]! }], category };
  } catch (error) {
    throw new PromptFileError(messageOf(error), { cause: error });
  }
}

/** The tokens of a prompt; a conversation goes through the model's chat template, or is its last message where it has none. */
export function encodePrompt(model: Model, prompt: Prompt): Int32Array {
  if ('text' in prompt) return model.tokenizer.encode(prompt.text);
  if (model.info.chatTemplate.trim() === '') {
    return model.tokenizer.encode(prompt.messages.at(-1)!.content);
  }
  return encodeMessages(model, templateOf(model), prompt.messages);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
