import { describe, expect, it } from 'vitest';
import { History, type Message } from '../../src/chat/history.js';

const system: Message = { role: 'system', content: 'Be brief.' };
const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const two = [user('one'), assistant('1'), user('two'), assistant('2')];

describe('a history', () => {
  it('keeps messages in order, the system message first', () => {
    const history = new History(two);
    history.system = 'Be brief.';
    expect(history.messages).toEqual([system, ...two]);
  });

  it('counts questions, not answers', () => {
    expect(new History([system, ...two]).numQuestions).toBe(2);
  });

  it.each([
    ['an answer without a question', [assistant('1')], /user .* assistant/],
    ['two questions in a row', [user('one'), user('two')], /assistant .* user/],
    ['two system messages', [system, system], /system/],
    ['a system message after a question', [user('one'), assistant('1'), system], /system/],
  ])('refuses %s', (_, messages, expected) => {
    expect(() => new History(messages)).toThrow(TypeError);
    expect(() => new History(messages)).toThrow(expected);
  });

  it('forgets all but the system message when it is cleared', () => {
    const history = new History([system, ...two]);
    history.clear();
    expect(history.messages).toEqual([system]);
  });

  it('takes back the last question with its answer', () => {
    const history = new History(two);
    expect(history.undo()).toBe('two');
    expect(history.messages).toEqual(two.slice(0, 2));
  });

  it('takes back a question that has no answer yet', () => {
    const history = new History(two.slice(0, 3));
    expect(history.undo()).toBe('two');
    expect(history.messages).toEqual(two.slice(0, 2));
  });

  it('has nothing to take back before the first question', () => {
    const history = new History([system]);
    expect(history.undo()).toBeUndefined();
    expect(history.messages).toEqual([system]);
  });

  it('drops the oldest exchange and keeps the system message', () => {
    const history = new History([system, ...two, user('three')]);
    expect(history.dropOldest()).toBe(true);
    expect(history.messages).toEqual([system, ...two.slice(2), user('three')]);
  });

  it('never drops the last question', () => {
    const history = new History([system, user('three')]);
    expect(history.dropOldest()).toBe(false);
    expect(history.messages).toEqual([system, user('three')]);
  });

  it('is not changed through its copy', () => {
    const history = new History([system, ...two]);
    const copy = history.copy();
    copy.add(user('three'));
    copy.system = 'Be long.';
    expect(history.messages).toEqual([system, ...two]);
  });
});
