// Documents from files: texts and earlier answers, read piece by piece. Knows nothing of where they go.
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../chat/checked-json.js';
import { DatastoreError } from '../errors.js';
import type { Vocabulary } from '../model/vocabulary.js';
import { UsageError } from './option-values.js';

/** What takes documents; a `DatastoreWriter` is one. */
export interface DocumentSink {
  add(tokens: ArrayLike<number>): void;
  endDocument(): void;
}

/** A file as it arrives. */
export interface IndexedSource {
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Characters tokenized at once: some of the tokenizers take time with the square of it. */
const pieceLength = 1 << 13;
/** A line of answers beyond this is no answer. */
const longestLine = 1 << 26;
const sampleBytes = 1 << 13;

/**
 * Checks that files can be read and look like text.
 * @returns their bytes in all
 * @throws {UsageError} naming a folder, an empty or a binary file
 * @throws {DatastoreError} DATASTORE_ACCESS naming a file that cannot be read
 */
export async function checkFiles(paths: readonly string[]): Promise<number> {
  let numBytes = 0;
  for (const path of paths) {
    const info = await stat(path).catch((error: unknown) => unreadable(path, error));
    if (info.isDirectory())
      throw new UsageError(`Expected text files but received ${path}, which is a folder`);
    const file = await open(path).catch((error: unknown) => unreadable(path, error));
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(sampleBytes), 0, sampleBytes);
      if (bytesRead === 0) throw new UsageError(`Expected text in ${path} but received an empty file`);
      if (buffer.subarray(0, bytesRead).includes(0)) throw notText(path);
    } catch (error) {
      throw error instanceof UsageError ? error : unreadable(path, error);
    } finally {
      await file.close();
    }
    numBytes += info.size;
  }
  return numBytes;
}

/** A file's bytes; `onBytes` is told how many came. */
export async function* fileBytes(path: string, onBytes: (count: number) => void): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 1 << 18 })) {
      yield bytes as Uint8Array;
      onBytes((bytes as Uint8Array).length);
    }
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unreadable(path, error) : error;
  }
}

/**
 * Hands over the documents of a file: one for a text, one for each line of answers (`.jsonl`).
 * @throws {UsageError | TypeError} naming the file, and the line of answers, that is not as it should be
 */
export async function addDocuments(
  source: IndexedSource,
  vocabulary: Vocabulary,
  sink: DocumentSink,
): Promise<void> {
  if (extname(source.name) === '.jsonl') return addAnswers(source, vocabulary, sink);
  for await (const piece of pieces(decoded(source))) sink.add(encodePiece(piece, vocabulary));
  sink.endDocument();
}

async function addAnswers(source: IndexedSource, vocabulary: Vocabulary, sink: DocumentSink): Promise<void> {
  const { vocabSize } = vocabulary.info;
  const token = z
    .int()
    .min(0, `a token id in [0, ${vocabSize})`)
    .max(vocabSize - 1);
  const answerSchema = z
    .looseObject({ text: z.string().optional(), tokens: z.array(token).optional() })
    .refine(({ text, tokens }) => text !== undefined || tokens !== undefined, 'text or tokens');
  let [number, numAnswers] = [0, 0];
  for await (const line of lines(source)) {
    number++;
    if (line.trim() === '') continue;
    numAnswers++;
    const answer = parseJson(line, answerSchema, 'an answer', `${source.name}, line ${number}`);
    addAnswer(answer, vocabulary, sink);
    sink.endDocument();
  }
  if (numAnswers === 0) throw new UsageError(`Expected answers in ${source.name} but received none`);
}

/** Tokens as they were generated, where they are this tokenizer's; else the text. */
function addAnswer(
  { text, tokens }: { readonly text?: string | undefined; readonly tokens?: readonly number[] | undefined },
  vocabulary: Vocabulary,
  sink: DocumentSink,
): void {
  if (tokens !== undefined && (text === undefined || vocabulary.tokenizer.decode(tokens) === text)) {
    return sink.add(tokens);
  }
  for (let start = 0, isFirst = true; start < text!.length; isFirst = false) {
    const rest = text!.slice(start, start + pieceLength);
    const end = start + rest.length === text!.length ? rest.length : breakIn(rest);
    sink.add(encodePiece({ text: rest.slice(0, end), isFirst }, vocabulary));
    start += end;
  }
}

/** A part of a text that is tokenized for itself. */
interface Piece {
  readonly text: string;
  readonly isFirst: boolean;
}

/**
 * The tokens of a piece as they are within the text: pieces are cut where words begin, and a line break before a piece,
 * whose tokens are left out again, keeps the tokenizer from treating it as the beginning of a text.
 */
function encodePiece({ text, isFirst }: Piece, { tokenizer }: Vocabulary): Int32Array {
  const options = { addSpecial: false };
  if (isFirst) return tokenizer.encode(text, options);
  const lead = tokenizer.encode('\n', options);
  const tokens = tokenizer.encode(`\n${text}`, options);
  const hasLead = lead.every((token, index) => tokens[index] === token);
  return hasLead ? tokens.subarray(lead.length) : tokenizer.encode(text, options);
}

async function* pieces(texts: AsyncIterable<string>): AsyncGenerator<Piece> {
  let held = '';
  let isFirst = true;
  for await (const text of texts) {
    held += text;
    while (held.length > pieceLength) {
      const end = breakIn(held.slice(0, pieceLength));
      yield { text: held.slice(0, end), isFirst };
      held = held.slice(end);
      isFirst = false;
    }
  }
  if (held !== '') yield { text: held, isFirst };
}

/** Where a text is best cut: after its last line break that no blank follows, else before its last space. */
function breakIn(text: string): number {
  for (let at = text.lastIndexOf('\n'); at > 0; at = text.lastIndexOf('\n', at - 1)) {
    if (at + 1 < text.length && !/\s/.test(text[at + 1]!)) return at + 1;
  }
  const space = text.lastIndexOf(' ');
  if (space > 0) return space;
  const isWithinPair = /[\ud800-\udbff]$/.test(text);
  return isWithinPair ? text.length - 1 : text.length;
}

async function* lines(source: IndexedSource): AsyncGenerator<string> {
  let held = '';
  let number = 1;
  for await (const text of decoded(source)) {
    const parts = (held + text).split('\n');
    held = parts.pop()!;
    number += parts.length;
    if (held.length > longestLine) {
      throw new UsageError(
        `Expected lines of answers in ${source.name} but received a very long line ${number}`,
      );
    }
    yield* parts;
  }
  if (held !== '') yield held;
}

async function* decoded({ name, bytes }: IndexedSource): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (part?: Uint8Array): string => {
    try {
      const text = decoder.decode(part, { stream: part !== undefined });
      if (!text.includes('\0')) return text;
    } catch {
      // Told below.
    }
    throw notText(name);
  };
  for await (const part of bytes) yield decode(part);
  yield decode();
}

function notText(name: string): UsageError {
  return new UsageError(`Expected text in UTF-8 but received ${name}, which is a binary file`);
}

function unreadable(path: string, error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new DatastoreError('DATASTORE_ACCESS', `${path} could not be read: ${reason}`, { cause: error });
}
