// Where the layers of the demo model look for a password in 4,000 tokens: the scores of all blocks, and the one that
// holds the answer. npm run bench:block-scores [-- PROMPT]; with OUTRIDER_PICTURES=FOLDER it draws them
import { join } from 'node:path';
import { ChatTemplate } from '../../src/chat/chat-template.js';
import { demoModel, demoTasks } from '../../src/cli/models.js';
import { readTask } from '../../src/eval/task-file.js';
import { loadModel } from '../../src/model/load-model.js';
import { Sampler } from '../../src/model/sampler.js';
import { defaultBlockSize } from '../../src/sparse/plan.js';
import { writeLineChart } from '../helpers/line-chart.js';

const [number = 0] = process.argv.slice(2).map(Number);
const budget = 1024;

const model = await loadModel(demoModel('target'), { gpu: 'off' });
const { prompts } = await readTask(join(demoTasks, 'retrieval-4k.jsonl'));
const prompt = prompts[number];
if (prompt?.check !== 'exact') throw new RangeError(`Expected a prompt in [0, ${prompts.length})`);
const text = new ChatTemplate(model.info.chatTemplate, { bos: '', eos: '' }).render(prompt.messages);
const answer = prompt.answer.slice(0, prompt.answer.indexOf(' is ') + 4);
// The password is asked for where the answer has come to its first word.
const asked = model.tokenizer.encode(text + answer.trimEnd(), { parseSpecial: true });
const draft = model.tokenizer.encode(prompt.answer.slice(answer.length), { addSpecial: false });
const context = await model.createContext({ contextSize: asked.length + 64 });
const sequence = context.sequence();
await sequence.prefill(asked.slice(0, -1));
const { rows } = await sequence.decode({
  tokens: Int32Array.from([asked.at(-1)!, ...draft.slice(0, 4)]),
  sampler: new Sampler({ temperature: 0 }),
  sparse: {
    attention: { budget, blockSize: defaultBlockSize, sinkTokens: 16, localTokens: 128, keepsChoice: true },
  },
});
rows.release();
const start = text.indexOf(prompt.answer);
const position = model.tokenizer.encode(text.slice(0, start) + answer.trimEnd(), {
  parseSpecial: true,
}).length;
const wanted = Math.floor(position / defaultBlockSize);
process.stdout.write(`${asked.length} tokens, the answer at ${position}: block ${wanted}\n`);
const points: { score: number; token: number; layer: string; block: string }[] = [];
for (const { layer, scores, blocks } of await context.sparseChoices()) {
  const used = scores.slice(0, Math.ceil(asked.length / defaultBlockSize));
  const rank = 1 + used.filter((score) => score > used[wanted]!).length;
  const isKept = blocks.includes(wanted);
  process.stdout.write(
    `layer ${layer}: score ${used[wanted]!.toFixed(4)}, rank ${rank} of ${used.length}, ${isKept ? 'kept' : 'left out'}\n`,
  );
  const name = `layer ${layer}`;
  const at = wanted * defaultBlockSize;
  used.forEach((score, block) =>
    points.push({ score, token: block * defaultBlockSize, layer: name, block: 'all blocks' }),
  );
  for (const score of [0, Math.max(...used)])
    points.push({ score, token: at, layer: name, block: 'where the answer lies' });
}
const pictures = process.env['OUTRIDER_PICTURES'];
if (pictures !== undefined) {
  await writeLineChart({
    title: 'Scores of blocks of 4 tokens for the query that asks for a password',
    rows: points,
    x: { field: 'token', title: 'position in the context' },
    y: { field: 'score', title: 'predicted attention, summed over heads' },
    yExponent: 0.4,
    colour: { field: 'block', title: '' },
    dashed: ['where the answer lies'],
    hasDots: false,
    facet: { field: 'layer', title: 'layer' },
    path: join(pictures, 'block-scores.svg'),
  });
}
context.dispose();
model.dispose();
