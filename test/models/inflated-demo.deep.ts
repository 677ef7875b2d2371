// The demo target at the cost of a model a hundred times its size: the same tokens.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoModel } from '../../src/cli/models.js';
import { answer } from '../../src/eval/evaluate.js';
import { inflateModel, type InflatedModel } from '../../src/gguf/inflate.js';
import { loadEngine } from '../helpers/engines.js';
import { report } from '../helpers/report.js';
import { promptsOfEachTask } from './demo-prompts.js';

const parameters = 300e6;
const generate = { maxTokens: 200, sampling: { temperature: 0 } };

let folder: string;
let large: string;
let inflated: InflatedModel;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-inflated-'));
  large = join(folder, 'large.gguf');
  inflated = inflateModel(demoModel('target'), large, { parameters, tensorType: 'f16' });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the demo target inflated to 300M parameters', () => {
  it('answers 20 prompts with the tokens of the original', async () => {
    expect(Math.abs(inflated.parameters / parameters - 1)).toBeLessThan(0.02);
    const prompts = await promptsOfEachTask(2);
    expect(prompts).toHaveLength(20);
    const context = { threads: 1 };
    const original = await loadEngine(demoModel('target'), undefined, { context });
    const engine = await loadEngine(large, undefined, { context });
    let numTokens = 0;
    for (const { task, prompt } of prompts) {
      const wanted = await answer(original, prompt, generate);
      const { tokens } = await answer(engine, prompt, generate);
      expect(tokens, task).toEqual(wanted.tokens);
      numTokens += tokens.length;
    }
    await original.dispose();
    await engine.dispose();
    report('Greedy tokens of the inflated target against the original', [
      { parameters: inflated.parameters, prompts: prompts.length, tokens: numTokens, equal: numTokens },
    ]);
    expect(numTokens).toBeGreaterThan(400);
  });
});
