// Writes the demo pair: a small random model, and a larger one that says the same. They speak gibberish, repeatably.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inflateModel } from '../src/gguf/inflate.js';
import { writeTinyModel, type TinyModelOptions } from '../test/fixtures/tiny-models.js';

const shape: TinyModelOptions = {
  vocabSize: 420,
  headDim: 64,
  heads: 2,
  kvHeads: 1,
  contextLength: 2048,
  canEnd: true,
  chatTemplate:
    '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}' +
    '{% if add_generation_prompt %}assistant:{% endif %}',
};

const directory = fileURLToPath(new URL('demo/', import.meta.url));
mkdirSync(directory, { recursive: true });
const draft = `${directory}draft.gguf`;
const target = `${directory}target.gguf`;
writeTinyModel(draft, shape);
inflateModel(draft, target, { parameters: 60e6, tensorType: 'q8_0' });
writeTinyModel(draft, { ...shape, noise: { seed: 1, relative: 0.05 } });
