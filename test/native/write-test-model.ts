// Writes the GGUF that the C++ unit tests decode with: tsx test/native/write-test-model.ts PATH
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeTinyModel } from '../fixtures/tiny-models.js';

const [path] = process.argv.slice(2);
if (path === undefined) throw new TypeError('Expected the path of the file to write');
mkdirSync(dirname(path), { recursive: true });
writeTinyModel(path, { vocabSize: 320, headDim: 64, heads: 2, kvHeads: 1 });
