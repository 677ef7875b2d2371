import { describe, expect, it } from 'vitest';
import { ChatTemplate } from '../../src/chat/chat-template.js';
import type { Message } from '../../src/chat/history.js';
import { ChatTemplateError } from '../../src/errors.js';

const special = { bos: '<s>', eos: '</s>' };
const render = (source: string, messages: readonly Message[]): string =>
  new ChatTemplate(source, special).render(messages);

const system: Message = { role: 'system', content: 'Be brief.' };
const question: Message = { role: 'user', content: 'one' };
const talk: Message[] = [question, { role: 'assistant', content: ' 1 ' }, { role: 'user', content: 'two' }];

const chatMl =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** As the template of Mistral 7B Instruct v0.1. */
const noSystem =
  '{{ bos_token }}{% for message in messages %}' +
  "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}" +
  "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}" +
  "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}" +
  "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token + ' ' }}" +
  "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}";

/** As the template of Llama 2 Chat. */
const llama2 =
  "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}" +
  "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}" +
  '{% set system_message = false %}{% endif %}{% for message in loop_messages %}' +
  "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}" +
  '{% if loop.index0 == 0 and system_message != false %}' +
  "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}" +
  "{% else %}{% set content = message['content'] %}{% endif %}" +
  "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}" +
  "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";

describe('a chat template', () => {
  it('of the ChatML kind frames each message and asks for an answer', () => {
    expect(render(chatMl, [system, question])).toBe(
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  it('of the Llama 2 kind puts the system message into the first question', () => {
    expect(render(llama2, [system, ...talk])).toBe(
      '<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\none [/INST] 1 </s><s>[INST] two [/INST]',
    );
  });

  it.each([
    [
      'namespaces',
      '{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}',
      '3',
    ],
    ['macros', '{% macro name(role) %}<{{ role }}>{% endmacro %}{{ name(messages[0].role) }}', '<user>'],
    ['filters and slices', '{{ messages[-1:][0].content | upper | trim }}{{ messages | length }}', 'TWO3'],
    ['text methods', "{{ messages[1].content.strip() }}{{ 'a</t>b'.split('</t>')[-1] }}", '1b'],
    ['the date', "{{ strftime_now('%Y') | length }}", '4'],
    ['JSON', '{{ messages[0] | tojson }}', '{"role": "user", "content": "one"}'],
    [
      'names that are not given',
      '{% if tools is defined and tools %}t{% endif %}{% if not thinking %}n{% endif %}',
      'n',
    ],
    [
      'white-space control',
      '{%- for m in messages -%}\n  {{ m.content | trim }}\n{%- endfor -%}\n',
      'one1two',
    ],
    [
      'blocks on lines of their own',
      '{% for m in messages %}\n  {% if loop.first %}\n{{ m.content }}\n  {% endif %}\n{% endfor %}\n',
      'one\n',
    ],
  ])('knows %s', (_, source, expected) => {
    expect(render(source, talk)).toBe(expected);
  });

  it('that knows no system role gets its text at the head of the first question', () => {
    expect(render(noSystem, [system, ...talk])).toBe(
      '<s>[INST] Be brief.\n\none [/INST] 1 </s> [INST] two [/INST]',
    );
  });

  it('that refuses the messages either way fails with its own words about the messages given', () => {
    const source = "{{ raise_exception('no ' + messages[0].role + ' here') }}";
    expect(() => render(source, [system, question])).toThrow(ChatTemplateError);
    expect(() => render(source, [system, question])).toThrow(/refused.*no system here/);
    expect(() => render(source, [question])).toThrow(/refused.*no user here/);
  });

  it('that is empty is refused: the model was not made for conversations', () => {
    expect(() => new ChatTemplate(' \n', special)).toThrow(ChatTemplateError);
    expect(() => new ChatTemplate('', special)).toThrow(/no chat template/);
  });

  it('that is no Jinja is refused when it is made', () => {
    expect(() => new ChatTemplate('{% for %}', special)).toThrow(ChatTemplateError);
    expect(() => new ChatTemplate('{{ messages', special)).toThrow(/cannot be read/);
  });
});
