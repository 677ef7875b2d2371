import { expect, it } from 'vitest';
import { escapeHtml, html, Html } from '../../../src/bench/report/html.js';

it('text cannot leave an element or a quoted attribute', () => {
  expect(html`<p title="${'"><script>'}">${"<b>&'"}</p>`.source).toBe(
    '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;&#39;</p>',
  );
  expect(escapeHtml('&lt;')).toBe('&amp;lt;');
});

it('pieces stay what they are, in lists and in pieces', () => {
  const items = ['a', '<'].map((item) => html`<i>${item}</i>`);
  expect(html`<b>${items}</b>${new Html('<br>')}${3}`.source).toBe('<b><i>a</i><i>&lt;</i></b><br>3');
});

it('backslashes in text stay', () => expect(html`${'C:\\new'}`.source).toBe('C:\\new'));
