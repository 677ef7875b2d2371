import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isCorrect, readTask, type EvalPrompt } from '../../src/eval/task-file.js';
import { runMain } from '../cli/run-main.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';

let folder: string;
let model: string;
const question = (content: string) => [{ role: 'user', content }];
const fileOf = (name: string, ...prompts: unknown[]): string => {
  const path = join(folder, name);
  writeFileSync(path, prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(''));
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-eval-'));
  model = join(folder, 'model.gguf');
  writeTinyModel(model, {
    vocabSize: 320,
    chatTemplate: '{% for message in messages %}{{ message.role }}: {{ message.content }} {% endfor %}',
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('an answer', () => {
  it('is right when it is the wanted one, but for white space around it', () => {
    const prompt: EvalPrompt = { check: 'exact', messages: [], answer: 'a b\nc' };
    expect([' a b\nc\n', 'a b c', 'a b\nc.', ''].map((text) => isCorrect(prompt, text))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('is right when it contains every wanted part', () => {
    const prompt: EvalPrompt = { check: 'contains', messages: [], wanted: ['Mia', 'The end.'] };
    const texts = ['Mia left. The end.', 'Mia left.', 'The end.'];
    expect(texts.map((text) => isCorrect(prompt, text))).toEqual([true, false, false]);
  });
});

describe('a task file', () => {
  it('has the name of the file and a prompt a line', async () => {
    const prompts = [
      { check: 'exact', messages: question('a'), answer: 'b' },
      { check: 'contains', messages: question('c'), wanted: ['d'] },
    ];
    expect(await readTask(fileOf('copying.jsonl', ...prompts))).toEqual({ name: 'copying', prompts });
  });

  it.each([
    ['no JSON', '{', /Expected JSON in .*bad\.jsonl, line 2/],
    ['no check', '{"messages": [], "answer": "a"}', /line 2.*check/s],
    ['no answer', '{"check": "exact", "messages": [{"role": "user", "content": "a"}]}', /line 2.*answer/s],
    [
      'no question',
      '{"check": "exact", "messages": [{"role": "assistant", "content": "a"}], "answer": "b"}',
      /question/,
    ],
  ])('is refused with %s, and the line is named', async (_name, line, message) => {
    const path = join(folder, 'bad.jsonl');
    writeFileSync(
      path,
      `${JSON.stringify({ check: 'exact', messages: question('a'), answer: 'b' })}\n${line}\n`,
    );
    await expect(readTask(path)).rejects.toThrow(message);
  });

  it('is refused when it is empty', async () => {
    await expect(readTask(fileOf('empty.jsonl'))).rejects.toThrow(/Expected prompts in .*empty\.jsonl/);
  });
});

describe('outrider eval', () => {
  const evaluate = (...args: string[]) =>
    runMain([
      'eval',
      '--target',
      model,
      '--max-tokens',
      '8',
      '--kv-type',
      'f32',
      '--flash-attention',
      'off',
      ...args,
    ]);

  it('counts right answers per task, the same with a draft, which it tells the acceptance of', async () => {
    const prompts = ['a', 'b', 'c'].map((content) => ({
      check: 'exact' as const,
      messages: question(content),
      answer: 'nothing a random model says',
    }));
    const wrong = fileOf('wrong.jsonl', ...prompts);
    const first = await evaluate(wrong, '--show-wrong', '--json');
    expect(first.status).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({
      tasks: [
        { task: 'wrong', numPrompts: 3, numCorrect: 0, accuracy: 0, acceptanceRate: null, lossless: true },
      ],
    });
    const answers = [...first.stderr.matchAll(/ {2}got {4}("(?:[^"\\]|\\.)*")/g)].map(
      (match) => JSON.parse(match[1]!) as string,
    );
    expect(answers).toHaveLength(3);
    const right = fileOf(
      'right.jsonl',
      ...prompts.map((prompt, index) => ({ ...prompt, answer: index === 2 ? 'no' : answers[index]! })),
    );
    const second = await evaluate(right, wrong, '--draft', model, '--json');
    const { tasks } = JSON.parse(second.stdout) as {
      tasks: { task: string; numCorrect: number; accuracy: number; acceptanceRate: number }[];
    };
    expect(tasks.map(({ task, numCorrect }) => [task, numCorrect])).toEqual([
      ['right', 2],
      ['wrong', 0],
    ]);
    expect(tasks[0]!.accuracy).toBeCloseTo(2 / 3);
    expect(tasks[0]!.acceptanceRate).toBeGreaterThan(0.9);
  });

  it('prints a table of all the tasks of a folder, and obeys the limit', async () => {
    const { stdout } = await evaluate(
      fileOf(
        'one.jsonl',
        ...['a', 'b'].map((content) => ({
          check: 'contains',
          messages: question(content),
          wanted: ['\u0000'],
        })),
      ),
      '--limit',
      '1',
    );
    expect(stdout.split('\n')[0]).toMatch(
      /^task +right +of +accuracy +acceptance +tokens a round +tokens\/s$/,
    );
    expect(stdout.split('\n')[1]).toMatch(/^one +0 +1 +0\.000 +- +- +[\d.]+$/);
  });

  it('tells the share of the draft model where it takes turns with the target', async () => {
    const prompts = ['a', 'b'].map((content) => ({
      check: 'contains',
      messages: question(content),
      wanted: ['\u0000'],
    }));
    const stitched = [fileOf('turns.jsonl', ...prompts), '--draft', model, '--stitch'];
    const { stdout } = await evaluate(...stitched, '1', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      tasks: [{ lossless: false, stitch: { draftTokens: 16, targetTokens: 0, switches: 0 } }],
    });
    const table = (await evaluate(...stitched, '0')).stdout.split('\n');
    expect(table[0]).toMatch(/tokens\/s +by the draft model +switches$/);
    expect(table[1]).toMatch(/ 0\.000 +0$/);
    expect((await evaluate(...stitched, '1')).stdout).toMatch(/ 1\.000 +0\nlossy/);
  });

  it('refuses a limit that is none, and names a file that is not there', async () => {
    expect(await evaluate('--limit', '0')).toMatchObject({ status: 2 });
    const missing = await evaluate(join(folder, 'none.jsonl'));
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(/none\.jsonl/);
  });
});
