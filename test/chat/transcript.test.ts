import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../src/chat/history.js';
import { loadTranscript, saveTranscript } from '../../src/chat/transcript.js';

let path: string;

beforeAll(() => {
  path = join(mkdtempSync(join(tmpdir(), 'outrider-transcript-')), 'talk.json');
});
afterAll(() => rmSync(join(path, '..'), { recursive: true }));

describe('a transcript', () => {
  it('gives back the messages that were saved', async () => {
    const messages: Message[] = [
      { role: 'system', content: 'Be "brief".' },
      { role: 'user', content: 'one\ntwo é 😀' },
      { role: 'assistant', content: '' },
    ];
    await saveTranscript(path, messages);
    expect(await loadTranscript(path)).toEqual(messages);
  });

  it.each([
    ['no JSON', 'hello', /Expected JSON in .*talk\.json/],
    ['another object', '{"talk": []}', /Expected a transcript in .*talk\.json[^]*messages/],
    ['an unknown role', '{"messages": [{"role": "tool", "content": "x"}]}', /messages\[0\]\.role/],
    ['a message without text', '{"messages": [{"role": "user"}]}', /messages\[0\]\.content/],
  ])('of %s is refused with what is wrong', async (_, text, expected) => {
    writeFileSync(path, text);
    const loading = loadTranscript(path);
    await expect(loading).rejects.toThrow(TypeError);
    await expect(loading).rejects.toThrow(expected);
  });

  it('that is not there is refused with its path', async () => {
    await expect(loadTranscript(`${path}.none`)).rejects.toThrow(/ENOENT.*talk\.json\.none/);
  });
});
