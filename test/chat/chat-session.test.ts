import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChatSession, type ChatEvent, type ChatOptions } from '../../src/chat/chat-session.js';
import type { Engine } from '../../src/engine/engine.js';
import { ChatTemplateError, ContextFullError } from '../../src/errors.js';
import { writeTinyModel } from '../fixtures/tiny-models.js';
import { loadEngine } from '../helpers/engines.js';

const chatTemplate =
  '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:';
const beginToken = 1;

let folder: string;
let engine: Engine;
let session: ChatSession;

const open = (options: ChatOptions = {}): ChatSession =>
  new ChatSession(engine, { ...options, generate: { maxTokens: 6, ignoreEos: true, ...options.generate } });

async function ask(question: string, signal?: AbortSignal): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of session.ask(question, { signal })) events.push(event);
  return events;
}

function answerIn(events: readonly ChatEvent[]): string {
  return events.map((event) => (event.type === 'text' ? event.text : '')).join('');
}

/** Asks, and gives the prompt that the engine was given. */
async function promptOf(question: string): Promise<number[]> {
  const generate = vi.spyOn(engine, 'generate');
  try {
    await ask(question);
    return Array.from(generate.mock.lastCall![0] as Int32Array);
  } finally {
    generate.mockRestore();
  }
}

const textOf = (tokens: readonly number[]): string => engine.target.tokenizer.decode(tokens);
const roles = (): string => session.messages.map(({ role }) => role[0]).join('');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-session-'));
  const path = join(folder, 'chat.gguf');
  writeTinyModel(path, { chatTemplate, canEnd: true });
  engine = await loadEngine(path, undefined, { context: { contextSize: 256 } });
});
afterAll(async () => {
  await engine.dispose();
  engine.target.dispose();
  rmSync(folder, { recursive: true });
});
beforeEach(() => (session = open()));

describe('a question', () => {
  it('becomes part of the conversation with its answer', async () => {
    const answer = answerIn(await ask('bada'));
    expect(answer).not.toBe('');
    expect(session.messages).toEqual([
      { role: 'user', content: 'bada' },
      { role: 'assistant', content: answer },
    ]);
  });

  it('is asked in the words of the template, after all that was said', async () => {
    session.system = 'dugo';
    const answer = answerIn(await ask('bada'));
    expect(textOf(await promptOf('kino')).trimStart()).toBe(
      `system: dugo\nuser: bada\nassistant: ${answer}\nuser: kino\nassistant:`,
    );
  });

  it('decodes only what is new in the conversation', async () => {
    expect(session.lastStats).toBeUndefined();
    const first = (await ask('bada dugo kino')).at(-1)!;
    const second = (await ask('bada')).at(-1)!;
    if (first.type !== 'done' || second.type !== 'done') throw new Error('Expected results');
    expect(second.result.stats.reusedPromptTokens).toBeGreaterThan(first.result.stats.promptTokens / 2);
    expect(session.lastStats).toEqual(second.result.stats);
  });

  it('begins with one beginning token, whether the template writes it or not', async () => {
    const isBegin = (token: number): boolean => token === beginToken;
    const silent = await promptOf('bada');
    session = open({ template: `{{ bos_token }}${chatTemplate}` });
    const written = await promptOf('bada');
    expect(silent.filter(isBegin)).toEqual([beginToken]);
    expect(written.filter(isBegin)).toEqual([beginToken]);
    expect(written[0]).toBe(beginToken);
  });

  it('reads the special tokens that the template writes as tokens', async () => {
    session = open({ template: `${chatTemplate}{{ eos_token }}` });
    expect((await promptOf('bada')).at(-1)).toBe(2);
  });
});

describe('an aborted answer', () => {
  it('rejects with the reason and stays in the conversation as far as it came', async () => {
    session = open({ generate: { maxTokens: 200 } });
    const controller = new AbortController();
    const reason = new Error('enough');
    let shown = '';
    const asking = (async () => {
      for await (const event of session.ask('bada', { signal: controller.signal })) {
        if (event.type !== 'text') continue;
        shown += event.text;
        controller.abort(reason);
      }
    })();
    await expect(asking).rejects.toBe(reason);
    expect(session.messages[1]!.content.startsWith(shown)).toBe(true);
    expect(shown).not.toBe('');
    expect(roles()).toBe('ua');
  });

  it('can be followed by the next question', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(ask('bada', signal)).rejects.toThrow('enough');
    expect(answerIn(await ask('dugo'))).not.toBe('');
    expect(roles()).toBe('uaua');
  });
});

describe('a failure', () => {
  it('leaves the conversation as before', async () => {
    await ask('bada');
    const before = session.messages;
    const failing = vi.spyOn(engine, 'generate').mockImplementation(() => {
      throw new Error('broken');
    });
    await expect(ask('dugo')).rejects.toThrow('broken');
    failing.mockRestore();
    expect(session.messages).toEqual(before);
  });

  it('of a reader that stops reading leaves the conversation as before, and the engine free', async () => {
    for await (const event of session.ask('bada')) if (event.type === 'text') break;
    expect(session.messages).toEqual([]);
    await ask('dugo');
    expect(roles()).toBe('ua');
  });

  it('of a question that alone does not fit names both sizes, and forgets nothing', async () => {
    await ask('bada');
    const before = session.messages;
    const error: unknown = await ask('x'.repeat(1000)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ContextFullError);
    expect(error).toMatchObject({ available: 256 });
    expect((error as ContextFullError).needed).toBeGreaterThan(1000);
    expect(session.messages).toEqual(before);
  });

  it('of the template leaves the conversation as before', async () => {
    session = open({ template: "{{ raise_exception('not today') }}" });
    await expect(ask('bada')).rejects.toThrow(ChatTemplateError);
    expect(session.messages).toEqual([]);
  });

  it('of a model without a template comes when the session is made', () => {
    expect(() => open({ template: '' })).toThrow(ChatTemplateError);
  });
});

describe('a conversation that outgrows the context', () => {
  it('loses its oldest exchanges and tells how many, but keeps the system message', async () => {
    session.system = 'dugo';
    let [events, rolesBefore] = [await ask('bada '.repeat(8)), roles()];
    for (let question = 2; question < 10 && events[0]?.type !== 'dropped'; question++) {
      rolesBefore = roles();
      events = await ask('bada '.repeat(8));
    }
    expect(rolesBefore.length).toBeGreaterThan(3);
    expect(events[0]).toEqual({ type: 'dropped', numExchanges: 1 });
    expect(roles()).toBe(rolesBefore);
    expect(session.messages[0]).toEqual({ role: 'system', content: 'dugo' });
  });

  it('forgets early enough to leave a quarter of the context to a long answer', async () => {
    session = open({ generate: { maxTokens: 1000 } });
    session.messages = [
      { role: 'user', content: 'x'.repeat(70) },
      { role: 'assistant', content: 'x'.repeat(70) },
    ];
    const events = await ask('x'.repeat(30));
    expect(events[0]).toEqual({ type: 'dropped', numExchanges: 1 });
    expect(events.filter(({ type }) => type === 'token').length).toBeGreaterThanOrEqual(256 / 4);
  });

  it('still answers a question that leaves less than that', async () => {
    session = open({ generate: { maxTokens: 1000 } });
    expect(answerIn(await ask('x'.repeat(210)))).not.toBe('');
  });
});

describe('the messages', () => {
  it('can be replaced, system message and all', async () => {
    await ask('bada');
    const messages = [
      { role: 'system', content: 'dugo' },
      { role: 'user', content: 'kino' },
      { role: 'assistant', content: 'lamu' },
    ] as const;
    session.messages = messages;
    expect(session.messages).toEqual(messages);
    expect(session.system).toBe('dugo');
  });

  it('stay as they are when the new ones do not take turns, or end with a question', () => {
    const question = { role: 'user', content: 'kino' } as const;
    expect(() => (session.messages = [question, question])).toThrow(TypeError);
    expect(() => (session.messages = [question])).toThrow(/answer/);
    expect(session.messages).toEqual([]);
  });

  it('lose all but the system message when the session is cleared', async () => {
    session = open({ system: 'dugo' });
    await ask('bada');
    session.clear();
    expect(session.messages).toEqual([{ role: 'system', content: 'dugo' }]);
  });

  it('give back the last question when it is undone', async () => {
    await ask('bada');
    expect(session.undo()).toBe('bada');
    expect(session.undo()).toBeUndefined();
  });
});
