// JSON that has to be of a certain form. Knows nothing of what it is for.
import { z } from 'zod';

/**
 * The value that `text` writes.
 * @param kind   what is expected, such as "a transcript"
 * @param where  where the text comes from
 * @throws {TypeError} naming `where` and the first thing that is wrong
 */
export function parseJson<T>(text: string, schema: z.ZodType<T>, kind: string, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TypeError(`Expected JSON in ${where}: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new TypeError(`Expected ${kind} in ${where}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
