import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPrompts } from '../../src/bench/prompt-file.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-prompts-'));
afterAll(() => rmSync(folder, { recursive: true }));
const read = (name: string, ...lines: string[]) => {
  const path = join(folder, name);
  writeFileSync(path, lines.join('\n'));
  return readPrompts(path);
};

describe('prompts', () => {
  it('are read from JSON lines of three kinds', async () => {
    const question = { role: 'user' as const, content: 'What?' };
    const prompts = await read(
      'mixed.jsonl',
      JSON.stringify({ id: 1, prompt: 'Once' }),
      '',
      JSON.stringify({ messages: [question], check: 'contains', wanted: ['x'] }),
      JSON.stringify({ question_id: 81, turns: ['First.', 'Second.'] }),
    );
    expect(prompts).toEqual([
      { text: 'Once' },
      { messages: [question] },
      { messages: [{ role: 'user', content: 'First.' }] },
    ]);
  });

  it('are of the categories that Spec-Bench reports', async () => {
    const line = (category: string) => JSON.stringify({ question_id: 1, category, turns: ['First.'] });
    const prompts = await read(
      'categories.jsonl',
      line('math'),
      line('writing'),
      line('math_reasoning'),
      line('qa'),
    );
    expect(prompts.map(({ category }) => category)).toEqual([
      'multi-turn',
      'multi-turn',
      'math_reasoning',
      'qa',
    ]);
  });

  it('are plain texts in other files', async () => {
    expect(await read('plain.txt', 'One day', 'A "quoted" one\r', '')).toEqual([
      { text: 'One day' },
      { text: 'A "quoted" one' },
    ]);
  });

  it.each([
    ['broken JSON', '{"prompt": "a"}', '{"prompt":'],
    ['another object', '{"prompt": "a"}', '{"text": "b"}'],
    ['a text in a .jsonl file', '{"prompt": "a"}', 'b'],
  ])('of a file with %s are refused with file and line', async (_, ...lines) => {
    await expect(read('bad.jsonl', ...lines)).rejects.toMatchObject({
      code: 'PROMPT_FILE',
      message: expect.stringMatching(/bad\.jsonl, line 2/) as string,
    });
  });

  it('of an empty or a missing file are refused with its name', async () => {
    await expect(read('empty.txt', '')).rejects.toThrow(/no prompts in .*empty\.txt/);
    await expect(readPrompts(join(folder, 'none.txt'))).rejects.toThrow(/none\.txt cannot be read/);
  });
});
