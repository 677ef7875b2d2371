// The demo target at the cost of a larger model, written and at rest before anything is timed.
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { demoModel } from '../../src/cli/models.js';
import { inflateModel, type InflateModelOptions, type InflatedModel } from '../../src/gguf/inflate.js';

/** Milliseconds for what writing leaves to be done: garbage to be collected, pages to be written. */
const restMs = 3000;

/** Writes the model to `path`, and waits until that costs no time any more: costs are measured when engines are created. */
export async function inflateTarget(path: string, options: InflateModelOptions): Promise<InflatedModel> {
  const model = inflateModel(demoModel('target'), path, options);
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
  await setTimeout(restMs);
  return model;
}
