// Writes the GGUFs that the C++ unit tests decode with: tsx test/native/write-test-model.ts PATH
// PATH is a plain model; beside it lie one per architecture whose attention can be thinned out, PATH.ARCHITECTURE.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeTinyModel } from '../fixtures/tiny-models.js';

const [path] = process.argv.slice(2);
if (path === undefined) throw new TypeError('Expected the path of the file to write');
mkdirSync(dirname(path), { recursive: true });
writeTinyModel(path, { vocabSize: 320, headDim: 64, heads: 2, kvHeads: 1 });
for (const architecture of ['llama', 'qwen3', 'qwen3moe', 'gemma3'] as const) {
  writeTinyModel(`${path}.${architecture}`, {
    architecture,
    vocabSize: 320,
    headDim: 64,
    heads: 4,
    kvHeads: 2,
    layers: 4,
    contextLength: 2048,
    slidingWindow: 32,
  });
}
