// Recorded greedy answers to the questions of Spec-Bench, as tokens or as words.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadVocabulary } from '../../src/model/load-vocabulary.js';
import type { TokenId } from '../../src/types.js';

/** A turn: the conversation so far and what was answered. */
export interface RecordedTurn {
  readonly questionId: number;
  /** Spec-Bench's subtask; the eight subjects of MT-bench are one. */
  readonly category: string;
  readonly prompt: readonly TokenId[];
  /** The end of sequence last. */
  readonly answer: readonly TokenId[];
}

/** Text -> tokens; a piece of text that follows another one has no space of its own before it. */
export interface Encoder {
  /** Before every prompt. */
  readonly first: readonly TokenId[];
  /** After every answer. */
  readonly last: readonly TokenId[];
  encode(text: string): readonly TokenId[];
}

interface Question {
  readonly question_id: number;
  readonly category: string;
  readonly turns: readonly string[];
}

interface Answer {
  readonly question_id: number;
  readonly choices: readonly { readonly turns: readonly string[] }[];
}

const multiTurn = new Set('writing roleplay reasoning math coding extraction stem humanities'.split(' '));

/** What Vicuna's template says before the first question. */
const preamble =
  'A chat between a curious user and an artificial intelligence assistant. ' +
  "The assistant gives helpful, detailed, and polite answers to the user's questions.";

/**
 * All turns of a trace, each with the conversation before it in Vicuna's template (FastChat, version 1.1): the preamble,
 * then `USER: <question> ASSISTANT: <answer></s>` for each turn.
 * @param folder  that holds `spec-bench.jsonl` and `traces/`
 */
export function readTurns(folder: string, trace: string, encoder: Encoder): RecordedTurn[] {
  const questions = readLines<Question>(join(folder, 'spec-bench.jsonl'));
  const answers = new Map(
    readLines<Answer>(join(folder, 'traces', trace)).map((answer) => [answer.question_id, answer]),
  );
  return questions.flatMap(({ question_id, category, turns }) => {
    const said = answers.get(question_id)?.choices[0]?.turns ?? [];
    let conversation = [...encoder.first, ...encoder.encode(preamble)];
    return said.map((text, turn) => {
      const prompt = [...conversation, ...encoder.encode(`USER: ${turns[turn]} ASSISTANT:`)];
      const answer = [...encoder.encode(text), ...encoder.last];
      conversation = [...prompt, ...answer];
      return {
        questionId: question_id,
        category: multiTurn.has(category) ? 'multi-turn' : category,
        prompt,
        answer,
      };
    });
  });
}

function readLines<Row>(path: string): Row[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Row);
}

/** Tokens of a GGUF file that need not hold weights. */
export async function tokenEncoder(vocabularyPath: string): Promise<Encoder> {
  const { tokenizer } = await loadVocabulary(vocabularyPath);
  const endOfSequence = 2;
  return {
    first: Array.from(tokenizer.encode('')),
    last: [endOfSequence],
    encode: (text) => Array.from(tokenizer.encode(text, { addSpecial: false })),
  };
}

/** Words, numbered as they come; what lies between white space is one. */
export function wordEncoder(): Encoder {
  const ids = new Map<string, TokenId>();
  const idOf = (word: string): TokenId => {
    const id = ids.get(word) ?? ids.size;
    ids.set(word, id);
    return id;
  };
  return {
    first: [],
    last: [idOf('</s>')],
    encode: (text) =>
      text
        .split(/\s+/)
        .filter((word) => word !== '')
        .map(idOf),
  };
}
