// From the words of `outrider bench` to trials.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { withNodes, type Method } from '../bench/method.js';
import { chosenPrompts } from '../bench/prompt-choice.js';
import { trialName, type Trial } from '../bench/sample.js';
import { readWorkload, type Workload } from '../bench/workload.js';
import { maxTreeNodes } from '../tree/tree-shape.js';
import { demoModel, demoTasks } from './models.js';
import { UsageError } from './option-values.js';

/** Workloads that have a name, what they read and what is compared on them where no method is given. */
const presets: Readonly<Record<string, { readonly task: string; readonly methods: readonly string[] }>> = {
  'long-context': { task: 'retrieval-4k', methods: ['guarded', 'sparse:1024', 'sparse:512'] },
  experts: { task: 'questions', methods: ['guarded', 'experts:1'] },
};

/** Where no workload is given. */
export const defaultWorkloads: readonly string[] = ['stories', 'edits', 'chats'];

/** Methods where none is given. */
export function defaultMethods(workload: string, hasDraft: boolean): readonly string[] {
  return presets[workload]?.methods ?? (hasDraft ? ['guarded', 'suffix'] : ['suffix', 'prompt-lookup']);
}

/** The target of workloads that ask for one of their own; undefined where they do not. */
export function targetOf(workloads: readonly string[]): string | undefined {
  if (!workloads.includes('experts')) return undefined;
  if (workloads.length === 1) return demoModel('experts');
  throw new UsageError('Expected --target T.gguf with the workload experts beside others');
}

/** For `--help`. */
export const workloadHelp =
  `a demo task (stories, edits, chats, questions, ...), ${Object.keys(presets).join(', ')}, or a file of JSON lines: ` +
  '"turns" as in Spec-Bench, "messages" or "prompt"; repeatable';

/**
 * Reads a workload by its name or from a file.
 * @throws {UsageError} when there is neither
 * @throws {TypeError} naming the line of a file that is wrong
 */
export async function openWorkload(name: string, numPrompts: number | undefined): Promise<Workload> {
  const shipped = join(demoTasks, `${presets[name]?.task ?? name}.jsonl`);
  const path = existsSync(name) ? name : shipped;
  if (!existsSync(path)) {
    throw new UsageError(`Expected ${workloadHelp} for --workload but received ${name}`);
  }
  const workload = await readWorkload(path);
  return {
    name: presets[name] === undefined ? workload.name : name,
    prompts: chosenPrompts(workload.prompts, numPrompts),
  };
}

/** What is measured: each workload under each of its methods at each temperature and size. */
export interface PlannedTrial {
  readonly trial: Trial;
  readonly method: Method;
  readonly workload: Workload;
}

/**
 * Multiplies everything with everything, and keeps what all words are part of the name of.
 * @throws {UsageError} when nothing is left, and on values that are wrong or there twice
 * @throws {TypeError} on a method that is kept and cannot have one of the sizes
 */
export function crossTrials(
  workloads: readonly { readonly workload: Workload; readonly methods: readonly Method[] }[],
  temperatures: readonly number[],
  { nodes, words }: { readonly nodes: readonly number[]; readonly words: readonly string[] },
): PlannedTrial[] {
  checkAxes(workloads, temperatures, nodes);
  const sizes = nodes.length > 0 ? nodes : [null];
  const trials = workloads.flatMap(({ workload, methods }) =>
    temperatures.flatMap((temperature) =>
      methods.flatMap((method) =>
        sizes.map((size) => ({
          trial: { workload: workload.name, method: method.name, temperature, nodes: size },
          method,
          workload,
        })),
      ),
    ),
  );
  const wanted = trials.filter(({ trial }) => words.every((word) => trialName(trial).includes(word)));
  for (const { method, trial } of wanted) withNodes(method, trial.nodes);
  if (wanted.length > 0) return wanted;
  const names = trials.map(({ trial }) => trialName(trial));
  throw new UsageError(
    `Expected words that a trial has but received ${words.join(' ')}; there are: ${names.join('; ')}`,
  );
}

/** What trials are told apart by has to be there once, and to be something that a trial can have. */
function checkAxes(
  workloads: readonly { readonly workload: Workload; readonly methods: readonly Method[] }[],
  temperatures: readonly number[],
  nodes: readonly number[],
): void {
  requireOnce(
    'workload',
    workloads.map(({ workload }) => workload.name),
  );
  for (const { methods } of workloads)
    requireOnce(
      'method',
      methods.map(({ name }) => name),
    );
  requireOnce('temperatures', temperatures);
  requireOnce('nodes', nodes);
  const cold = temperatures.find((temperature) => !(temperature >= 0 && temperature < Infinity));
  if (cold !== undefined)
    throw new UsageError(`Expected numbers of at least 0 for --temperatures but received ${cold}`);
  const wrong = nodes.find((size) => !(Number.isInteger(size) && size >= 1 && size <= maxTreeNodes));
  if (wrong !== undefined)
    throw new UsageError(`Expected integers in [1, ${maxTreeNodes}] for --nodes but received ${wrong}`);
}

function requireOnce(option: string, values: readonly (string | number)[]): void {
  const twice = values.find((value, index) => values.indexOf(value) < index);
  if (twice === undefined) return;
  throw new UsageError(`Expected different names or values for --${option} but received ${twice} twice`);
}
