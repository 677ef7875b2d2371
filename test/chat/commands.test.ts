import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ChatSession } from '../../src/chat/chat-session.js';
import { runCommand } from '../../src/chat/commands.js';
import { History, type Message } from '../../src/chat/history.js';
import { GenerationCounters } from '../../src/metrics/counters.js';

const talk: Message[] = [
  { role: 'user', content: 'one' },
  { role: 'assistant', content: '1' },
];

let folder: string;
let session: ChatSession;
const file = (name: string): string => join(folder, name);

/** What commands use of a session, without an engine. */
class FakeSession {
  #history = new History(talk);

  get messages(): readonly Message[] {
    return this.#history.messages;
  }

  set messages(messages: readonly Message[]) {
    this.#history = new History(messages);
  }

  get system(): string | undefined {
    return this.#history.system;
  }

  set system(content: string | undefined) {
    this.#history.system = content;
  }

  clear(): void {
    this.#history.clear();
  }

  undo(): string | undefined {
    return this.#history.undo();
  }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-commands-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => (session = new FakeSession() as unknown as ChatSession));

describe('a line', () => {
  it('without a slash at its start is a question', async () => {
    expect(await runCommand(session, 'what does /help do?')).toBeUndefined();
  });

  it('with an unknown command gets a reply that names it', async () => {
    const outcome = await runCommand(session, '/nonsense now');
    expect(outcome?.reply).toContain('/nonsense');
    expect(outcome?.question).toBeUndefined();
  });
});

describe('the command', () => {
  it('help lists every command', async () => {
    const { reply } = (await runCommand(session, '/help'))!;
    for (const name of ['help', 'clear', 'system', 'retry', 'undo', 'save', 'load', 'stats', 'exit']) {
      expect(reply).toMatch(new RegExp(`^/${name} .*  \\w`, 'm'));
    }
  });

  it('stats tells of the last answer', async () => {
    expect(await runCommand(session, '/stats')).toEqual({ reply: 'Nothing was answered yet.' });
    const counters = new GenerationCounters(() => ({ state: 'plain', reason: 'drafts cost more' }));
    const answered = { lastStats: counters.stats } as unknown as ChatSession;
    expect((await runCommand(answered, '/stats'))?.reply).toMatch(
      /^prompt: [^]*\nguard: plain, drafts cost more$/,
    );
  });

  it('clear forgets the conversation', async () => {
    expect(await runCommand(session, '/clear')).toEqual({ reply: 'Forgotten.' });
    expect(session.messages).toEqual([]);
  });

  it('system shows the system message, and sets it', async () => {
    expect(await runCommand(session, '/system')).toEqual({ reply: 'No system message.' });
    expect(await runCommand(session, '/system  Be brief. ')).toEqual({ reply: 'Be brief.' });
    expect(await runCommand(session, '/system')).toEqual({ reply: 'Be brief.' });
    expect(session.messages[0]).toEqual({ role: 'system', content: 'Be brief.' });
  });

  it('undo takes back the last exchange', async () => {
    expect(await runCommand(session, '/undo')).toEqual({ reply: 'Taken back.' });
    expect(session.messages).toEqual([]);
    expect(await runCommand(session, '/undo')).toEqual({ reply: 'Nothing was asked yet.' });
  });

  it('retry gives the last question to be asked anew', async () => {
    expect(await runCommand(session, '/retry')).toEqual({ question: 'one' });
    expect(session.messages).toEqual([]);
    expect(await runCommand(session, '/retry')).toEqual({ reply: 'Nothing was asked yet.' });
  });

  it('exit ends the conversation', async () => {
    expect(await runCommand(session, '/exit')).toEqual({ isExit: true });
  });

  it('load brings back what save wrote, also where the path has spaces', async () => {
    const path = file('my talk.json');
    expect(await runCommand(session, `/save ${path}`)).toEqual({ reply: `Saved to ${path}.` });
    session.clear();
    expect(await runCommand(session, `/load ${path}`)).toEqual({ reply: '2 messages.' });
    expect(session.messages).toEqual(talk);
  });

  it.each(['save', 'load'])('%s without a file says what it needs', async (name) => {
    expect(await runCommand(session, `/${name}`)).toEqual({ reply: `Expected /${name} FILE` });
  });

  it('load of a file that is wrong says so and keeps the conversation', async () => {
    writeFileSync(file('wrong.json'), JSON.stringify({ messages: [talk[1]] }));
    for (const name of ['wrong.json', 'missing.json']) {
      const outcome = await runCommand(session, `/load ${file(name)}`);
      expect(outcome?.reply).toMatch(/Expected|ENOENT/);
    }
    expect(session.messages).toEqual(talk);
  });

  it('save into a folder that is not there says so', async () => {
    const path = file('none/talk.json');
    expect((await runCommand(session, `/save ${path}`))?.reply).toContain(path);
    expect(existsSync(path)).toBe(false);
  });
});
