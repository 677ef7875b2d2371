// The demo pair on long prompts: a thinned target with a recheck says greedily what plain decoding says.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { demoModel } from '../../src/cli/models.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { loadEngine } from '../helpers/engines.js';
import { report } from '../helpers/report.js';

const numPrompts = 20;
const context = { contextSize: 4300, threads: 2 };
const path = new URL('../../models/eval/retrieval-4k.jsonl', import.meta.url);
const prompts = readFileSync(path, 'utf8')
  .split('\n')
  .slice(0, numPrompts)
  .map((line) => (JSON.parse(line) as { messages: { content: string }[] }).messages[0]!.content);

async function continuations(hasDraft: boolean, options: Omit<EngineOptions, 'target' | 'draft'>) {
  const draft = hasDraft ? demoModel('draft') : undefined;
  const engine = await loadEngine(demoModel('target'), draft, { measureSpeedup: false, ...options, context });
  const results = [];
  for (const prompt of prompts) {
    const request = { maxTokens: 64, sampling: { temperature: 0 }, ignoreEos: true };
    results.push(await engine.generate(prompt, request).finish());
  }
  await engine.dispose();
  engine.target.dispose();
  return results;
}

describe('the demo pair on 20 prompts of about 4,000 tokens', () => {
  it('says greedily with a recheck what it says plainly', { timeout: 3_600_000 }, async () => {
    const plain = await continuations(false, {});
    const rows = [];
    for (const [method, hasDraft, options] of [
      ['no draft model', false, { sparse: { attention: 1024 } }],
      ['chain:4', true, { tree: 'chain:4', sparse: { attention: 1024 } }],
      [
        'auto:8, every other layer',
        true,
        { tree: 'auto:8', sparse: { attention: { tokens: 512, anchors: [0, 2] } } },
      ],
    ] as const) {
      const results = await continuations(hasDraft, options);
      const numEqual = results.filter(
        ({ tokens }, index) => tokens.join() === plain[index]!.tokens.join(),
      ).length;
      const accepted = results.reduce((sum, { stats }) => sum + stats.acceptedTokens, 0);
      const drafted = results.reduce((sum, { stats }) => sum + stats.draftTokens, 0);
      rows.push({ method, 'equal prompts': `${numEqual} of ${numPrompts}`, accepted: accepted / drafted });
      expect(results.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
      expect(results.every(({ lossless }) => lossless)).toBe(true);
    }
    report('Greedy tokens of rechecked sparse verification against plain decoding', rows);
    expect(Math.min(...plain.map(({ stats }) => stats.promptTokens))).toBeGreaterThan(3000);
  });
});
