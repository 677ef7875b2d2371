import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Message } from '../../src/chat/history.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { cliEntry, outcomeOf, runCli, startCli } from './run-cli.js';

/** `script` of util-linux lends a terminal. */
const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux');

const chatTemplate =
  '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:';

const patience = { timeout: 30_000, interval: 10 };

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
    expect(stderr.match(/^8 tokens \|/gm)).toHaveLength(2);
  });

  it('obeys commands', async () => {
    const transcript = file('talk.json');
    const { stdout, stderr, status } = await chat([
      ...['/help', '/system Be brief.', '/undo', 'bada', '/stats', '/retry', `/save ${transcript}`, '/clear'],
      ...[`/load ${transcript}`, '/nonsense', '/exit', 'never asked'],
    ]);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr).toContain('/retry');
    expect(stderr).toContain('Nothing was asked yet.');
    expect(stderr).toMatch(/^answer: 8 tokens in .*\n.*\n.*\nguard: /m);
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

  it('refuses a model without a template, and says how to go on', async () => {
    const { stderr, status } = await runCli(['chat', '--target', file('plain.gguf'), '--gpu', 'off']);
    expect(status).toBe(1);
    expect(stderr).toContain('no chat template');
    expect(stderr).toContain('Hint: Give another with --template-file');
  });

  it('talks with a template from a file', async () => {
    writeFileSync(file('template.jinja'), chatTemplate);
    const target = ['--target', file('plain.gguf'), '--gpu', 'off', '--max-tokens', '8', '--ignore-eos'];
    const args = ['chat', ...target, '--template-file', file('template.jinja')];
    const { stdout, status } = await runCli(args, 'bada\n');
    expect({ lines: stdout.trimEnd().split('\n').length, status }).toEqual({ lines: 1, status: 0 });
    expect(stdout.trim()).not.toBe('');
  });

  it('stays when a transcript is loaded that cannot be gone on with', async () => {
    const messages = [{ role: 'user', content: 'bada' }];
    writeFileSync(file('open.json'), JSON.stringify({ messages }));
    const { stdout, stderr, status } = await chat([`/load ${file('open.json')}`, 'dugo']);
    expect(status).toBe(0);
    expect(stderr).toContain('Expected the last message to be an answer');
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  });

  it('leaves at /exit though its input is still open', async () => {
    const child = startCli(options());
    child.stdin!.write('/exit\n');
    expect((await outcomeOf(child)).status).toBe(0);
  });

  it('leaves at ctrl-c when no answer is under way', async () => {
    const child = startCli(options());
    const outcome = outcomeOf(child);
    child.stdin!.write('/system\n');
    await once(child.stderr!, 'data');
    child.kill('SIGINT');
    expect((await outcome).status).toBe(0);
  });

  it('stops an answer at ctrl-c, keeps it, and answers the next question', async () => {
    const child = startCli(options('--max-tokens', '7000', '--context-size', '8192'));
    const outcome = outcomeOf(child);
    let shown = '';
    child.stdout!.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    child.stdin!.write('bada\n');
    await vi.waitFor(() => expect(shown).toMatch(/^\S/), patience);
    child.kill('SIGINT');
    child.stdin!.write('dugo\n');
    await vi.waitFor(() => expect(shown).toMatch(/^\S.*\n\S/), patience);
    child.kill('SIGINT');
    child.stdin!.end(`/save ${file('stopped.json')}\n`);
    const { stderr, status } = await outcome;
    expect(status).toBe(0);
    expect(stderr.match(/^stopped$/gm)).toHaveLength(2);
    const { messages } = JSON.parse(readFileSync(file('stopped.json'), 'utf8')) as { messages: Message[] };
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    for (const { content } of messages) expect(content).not.toBe('');
  });
});

describe('outrider chat in a terminal (needs script of util-linux)', () => {
  it.skipIf(!hasTerminal)(
    'prompts, stops an answer at ctrl-c, prompts again, and leaves at ctrl-d',
    async () => {
      const args = options('--max-tokens', '7000', '--context-size', '8192');
      const command = [process.execPath, cliEntry, ...args].map((word) => `'${word}'`).join(' ');
      const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null']);
      let screen = '';
      child.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString()));
      const seen = (text: RegExp) => vi.waitFor(() => expect(screen).toMatch(text), patience);
      await seen(/> /);
      child.stdin.write('bada\r');
      await seen(/bada\r\r?\n\S/);
      child.stdin.write('\x03');
      await seen(/stopped[^]*> /);
      child.stdin.write('\x04');
      await once(child, 'close');
      expect(child.exitCode).toBe(0);
    },
  );
});
