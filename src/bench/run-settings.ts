// What samples of a run depend on beside its models and machine, as text that can be compared. Knows nothing of files.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { runSchema, type RunHead } from './sample.js';
import type { TrialPlan } from './trial.js';

/** Values by name, as in "a run with another NAME". */
const settingsSchema = z.record(z.string(), z.string());

/** The head of a run as files hold it: those of before settings were noted have none. */
export const keptRunSchema = runSchema.extend({ settings: settingsSchema.optional() });

/** Settings of a run; the same settings are the same text. */
export type RunSettings = Readonly<z.infer<typeof settingsSchema>>;

/** The head of a run with everything that has to be the same for samples to belong together. */
export type DescribedRun = RunHead & { readonly settings: RunSettings };

/** What of a trial's plan its samples depend on and the head of a run does not tell otherwise. */
export type MeasuredPlan = Pick<
  TrialPlan,
  'trial' | 'method' | 'prompts' | 'sampling' | 'context' | 'gpu' | 'gpuLayers' | 'ignoreEos'
>;

/** The settings of a run of these trials: of each method and each workload, and what all have in common. */
export function settingsOf(plans: readonly MeasuredPlan[]): RunSettings {
  const settings: Record<string, string> = {};
  for (const { trial, method, prompts, ...shared } of plans) {
    settings[`method ${trial.method}`] = textOf(method);
    settings[`set of prompts ${trial.workload}`] ??= createHash('sha256')
      .update(textOf(prompts))
      .digest('hex');
    settings['sampling'] = textOf(shared.sampling);
    settings['context'] = textOf(shared.context);
    settings['GPU'] = textOf([shared.gpu, shared.gpuLayers]);
    settings['ignore-eos'] = textOf(shared.ignoreEos);
  }
  return settings;
}

/** JSON, in which maps are lists of their entries. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Map ? [...part] : part));
}
