import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { demoTasks } from '../../src/cli/models.js';
import { readTask, type EvalPrompt } from '../../src/eval/task-file.js';

/** Names of the tasks of the demo models. */
export const demoTaskNames: readonly string[] = readdirSync(demoTasks)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => name.replace('.jsonl', ''))
  .sort();

/** The first `count` held-out prompts of each task. */
export async function promptsOfEachTask(count: number): Promise<{ task: string; prompt: EvalPrompt }[]> {
  const tasks = await Promise.all(demoTaskNames.map((name) => readTask(join(demoTasks, `${name}.jsonl`))));
  return tasks.flatMap(({ name, prompts }) =>
    prompts.slice(0, count).map((prompt) => ({ task: name, prompt })),
  );
}
