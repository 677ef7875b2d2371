// What the suffix drafter costs on a long text: microseconds an appended token and a draft, and memory.
// npm run bench:suffix
import { SuffixDrafter } from '../../src/draft/suffix.js';
import { SeededRandom } from '../fixtures/seeded-random.js';

const numTokens = 1_000_000;
const vocabSize = 32_000;
const numDrafts = 2000;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Tokens as frequent as words are (Zipf), of which every now and then a passage comes again. */
function textLike(random: SeededRandom): Int32Array {
  const text = new Int32Array(numTokens);
  for (let length = 0; length < numTokens;) {
    const isRepeat = length > 1000 && random.uniform() < 0.02;
    const from = Math.floor(random.uniform() * length);
    const passage = isRepeat ? Math.floor(10 + 90 * random.uniform()) : 1;
    for (let offset = 0; offset < passage && length < numTokens; offset++, length++)
      text[length] = isRepeat ? text[from + offset]! : Math.floor(vocabSize ** random.uniform());
  }
  return text;
}

async function measure(name: string, text: Int32Array, maxTokens: number): Promise<void> {
  const drafter = new SuffixDrafter({ maxTokens });
  const draft = async (length: number): Promise<void> =>
    void (await drafter.draft({
      tokens: text.subarray(0, length),
      maxNodes: 16,
      sampling: {},
      needsDraftProbs: false,
      uniform: () => 0,
    }));
  const numLearnt = text.length - numDrafts;
  // Rounds of a hundred thousand tokens: the longest one shows what growing costs.
  const roundMs: number[] = [];
  for (let length = 0; length < numLearnt;) {
    length = Math.min(numLearnt, length + 100_000);
    const started = performance.now();
    await draft(length);
    roundMs.push(performance.now() - started);
  }
  const appendMs = roundMs.reduce((sum, ms) => sum + ms, 0);
  const draftMs: number[] = [];
  for (let length = numLearnt + 1; length <= text.length; length++) {
    const started = performance.now();
    await draft(length);
    draftMs.push(performance.now() - started);
  }
  draftMs.sort((one, other) => one - other);
  const at = (quantile: number): string => (1000 * draftMs[Math.floor(quantile * numDrafts)]!).toFixed(0);
  print(
    `${name}, ${maxTokens} tokens remembered: ${((1000 * appendMs) / numLearnt).toFixed(2)} us an append, ` +
      `${at(0.5)} us a draft (99%: ${at(0.99)}), ${(drafter.numBytes / 2 ** 20).toFixed(1)} MiB`,
  );
}

const random = new SeededRandom(5, 'suffix history');
const text = textLike(random);
const ofOneToken = new Int32Array(numTokens).fill(7);
const ofTwoTokens = Int32Array.from({ length: numTokens }, () => (random.uniform() < 0.5 ? 1 : 2));
for (const maxTokens of [2 ** 18, 2 ** 20]) {
  await measure('text', text, maxTokens);
  await measure('one token', ofOneToken, maxTokens);
  await measure('two tokens', ofTwoTokens, maxTokens);
}
