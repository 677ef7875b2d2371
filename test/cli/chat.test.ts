import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { outcomeOf, runCli, startCli } from './run-cli.js';

const chatTemplate =
  '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:';

let folder: string;
const file = (name: string): string => join(folder, name);
const options = (...more: string[]): string[] => [
  ...['chat', '--target', file('chat.gguf'), '--gpu', 'off', '--threads', '1', '--ignore-eos', ...more],
];
const chat = (lines: readonly string[], ...more: string[]) =>
  runCli(options('--max-tokens', '8', ...more), lines.map((line) => `${line}\n`).join(''));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-chat-'));
  writeTinyModel(file('chat.gguf'), { contextLength: 8192, chatTemplate });
  writeTinyModel(file('plain.gguf'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('outrider chat', () => {
  it('writes answers to stdout and status lines to stderr', async () => {
    const { stdout, stderr, status } = await chat(['bada', 'dugo']);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr.match(/8 tokens/g)).toHaveLength(2);
  });

  it('obeys commands', async () => {
    const transcript = file('talk.json');
    const { stdout, stderr, status } = await chat([
      ...['/help', '/system Be brief.', '/undo', 'bada', '/retry', `/save ${transcript}`, '/clear'],
      ...[`/load ${transcript}`, '/nonsense', '/exit', 'never asked'],
    ]);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr).toContain('/retry');
    expect(stderr).toContain('Nothing was asked yet.');
    expect(stderr).toContain('3 messages.');
    expect(stderr).toContain('Unknown command /nonsense');
    const { messages } = JSON.parse(readFileSync(transcript, 'utf8')) as { messages: { role: string }[] };
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant']);
  });

  it('forgets the oldest exchanges when the context is full, says so, and goes on', async () => {
    const question = 'bada dugo '.repeat(10);
    const { stdout, stderr, status } = await chat(Array(6).fill(question), '--context-size', '256');
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(6);
    expect(stderr).toContain('forgot the oldest');
  });

  it('says that a question alone does not fit, and stays', async () => {
    const { stdout, stderr, status } = await chat(['x'.repeat(2000), 'bada'], '--context-size', '256');
    expect(status).toBe(0);
    expect(stderr).toContain('Context is full');
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  });

  it('refuses a model without a template', async () => {
    const { stderr, status } = await runCli(['chat', '--target', file('plain.gguf'), '--gpu', 'off']);
    expect(status).toBe(1);
    expect(stderr).toContain('no chat template');
  });

  it('stops an answer at ctrl-c, and answers the next question', async () => {
    const child = startCli(options('--max-tokens', '7000', '--context-size', '8192'));
    const outcome = outcomeOf(child);
    child.stdin!.write('bada\n');
    await firstBytes(child);
    child.kill('SIGINT');
    child.stdin!.end('/undo\n');
    const { stderr, status } = await outcome;
    expect(status).toBe(0);
    expect(stderr).toContain('stopped');
    expect(stderr).toContain('Taken back.');
  });
});

function firstBytes(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.stdout!.once('data', () => resolve()));
}
