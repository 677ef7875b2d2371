import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isAnswerCorrect, readWorkload } from '../../src/bench/workload.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-workload-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function read(name: string, ...lines: readonly unknown[]) {
  const path = join(folder, name);
  writeFileSync(
    path,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return readWorkload(path);
}

describe('a workload', () => {
  it('reads questions of several turns, and puts the categories together that Spec-Bench puts together', async () => {
    const { name, prompts } = await read(
      'question.jsonl',
      { question_id: 81, category: 'writing', turns: ['Write.', 'Again.'] },
      '',
      { question_id: 401, category: 'rag', turns: ['Find.'] },
    );
    expect(name).toBe('question');
    expect(prompts).toEqual([
      { id: '81', category: 'multi-turn', before: [], questions: ['Write.', 'Again.'], check: undefined },
      { id: '401', category: 'rag', before: [], questions: ['Find.'], check: undefined },
    ]);
  });

  it('reads conversations with what the answer has to be', async () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'One and one?' },
    ];
    const { prompts } = await read('sums.jsonl', { messages, check: 'exact', answer: '2' });
    expect(prompts[0]).toMatchObject({
      id: '1',
      category: 'sums',
      before: [messages[0]],
      questions: ['One and one?'],
    });
    expect(isAnswerCorrect(prompts[0]!, ' 2\n')).toBe(true);
    expect(isAnswerCorrect(prompts[0]!, '3')).toBe(false);
  });

  it('reads plain prompts, of whose answers nobody can say whether they are right', async () => {
    const { prompts } = await read('mine.jsonl', { id: 'x', category: 'code', prompt: 'Go on' });
    expect(prompts[0]).toMatchObject({ id: 'x', category: 'code', questions: ['Go on'] });
    expect(isAnswerCorrect(prompts[0]!, 'anything')).toBeNull();
  });

  it.each([
    ['no JSON', '{"prompt": ', /bad\.jsonl, line 2/],
    ['nothing that is asked', { text: 'x' }, /bad\.jsonl, line 2/],
    ['no turns', { turns: [] }, /bad\.jsonl, line 2/],
    ['an answer last', { messages: [{ role: 'assistant', content: 'x' }] }, /question as the last message/],
    [
      'a check without its answer',
      { messages: [{ role: 'user', content: 'x' }], check: 'exact' },
      /"answer"/,
    ],
  ])('names the line with %s', async (_, line, message) => {
    await expect(read('bad.jsonl', { prompt: 'good' }, line)).rejects.toThrow(message);
  });

  it('has every id once, for samples are told apart by it', async () => {
    const twice = read(
      'twice.jsonl',
      { id: 7, prompt: 'a' },
      { id: 'x', prompt: 'b' },
      { id: '7', prompt: 'c' },
    );
    await expect(twice).rejects.toThrow(/another id than 7 .*twice\.jsonl, line 3.*line 1/);
    const numbered = read('numbered.jsonl', { id: 2, prompt: 'a' }, { prompt: 'b' });
    await expect(numbered).rejects.toThrow(/numbered\.jsonl, line 2/);
  });

  it('is not empty', async () => {
    await expect(read('empty.jsonl', '')).rejects.toThrow(/Expected prompts/);
  });
});
